"""What a study came to, in the files of the tools that people use; one file a tool."""
