-- A study that caviar wrote when the journal's schema was of version 1, interrupted at work:
-- trial 0 came to its first rung, trial 1 is in the middle of an assignment, trial 2 diverged.
PRAGMA application_id = 1128355401;
PRAGMA user_version = 1;
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    spec TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE TABLE trials (
    entry INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL UNIQUE CHECK (trial >= 0),
    point TEXT NOT NULL,
    hyperparameters TEXT NOT NULL,
    recorded_at REAL NOT NULL
);
CREATE TABLE assignments (
    assignment INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL UNIQUE,
    parent INTEGER REFERENCES assignments,
    purpose TEXT NOT NULL,
    first_epoch INTEGER NOT NULL CHECK (first_epoch >= 0),
    last_epoch INTEGER NOT NULL CHECK (last_epoch > first_epoch),
    signature TEXT NOT NULL,
    issued_at REAL NOT NULL,
    closed_at REAL
);
CREATE INDEX assignments_open ON assignments (assignment) WHERE closed_at IS NULL;
CREATE TABLE lanes (
    assignment INTEGER NOT NULL REFERENCES assignments,
    lane INTEGER NOT NULL,
    trial INTEGER NOT NULL REFERENCES trials (trial),
    PRIMARY KEY (assignment, lane),
    UNIQUE (trial, assignment)
) WITHOUT ROWID;
CREATE TABLE attempts (
    assignment INTEGER NOT NULL REFERENCES assignments,
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    slice TEXT NOT NULL,
    claimed_at REAL NOT NULL,
    ended_at REAL,
    outcome TEXT,
    error TEXT,
    trained_epochs INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (assignment, attempt),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
) WITHOUT ROWID;
CREATE INDEX attempts_running ON attempts (assignment) WHERE ended_at IS NULL;
CREATE TABLE measurements (
    entry INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL REFERENCES trials (trial),
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    train_loss REAL,
    train_accuracy REAL,
    dev_loss REAL,
    dev_accuracy REAL,
    elapsed_s REAL,
    diverged INTEGER NOT NULL CHECK (diverged IN (0, 1)),
    assignment INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    recorded_at REAL NOT NULL,
    FOREIGN KEY (assignment, attempt) REFERENCES attempts
);
CREATE UNIQUE INDEX measurements_by_trial ON measurements (trial, epoch);
CREATE TABLE failures (
    entry INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL UNIQUE REFERENCES trials (trial),
    error TEXT NOT NULL,
    recorded_at REAL NOT NULL
);
CREATE TABLE checkpoints (
    trial INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    file TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    recorded_at REAL NOT NULL,
    PRIMARY KEY (trial, epoch),
    FOREIGN KEY (trial, epoch) REFERENCES measurements (trial, epoch)
) WITHOUT ROWID;
CREATE TABLE widths (
    signature TEXT PRIMARY KEY,
    width INTEGER NOT NULL CHECK (width >= 1),
    evidence TEXT NOT NULL,
    recorded_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE events (
    entry INTEGER PRIMARY KEY,
    recorded_at REAL NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE VIEW unfinished AS
    SELECT assignment, lane, trial FROM assignments a JOIN lanes l USING (assignment)
    WHERE closed_at IS NULL AND trial NOT IN (SELECT trial FROM failures)
        AND NOT EXISTS (
            SELECT 1 FROM measurements m
            WHERE m.trial = l.trial AND (m.epoch >= a.last_epoch OR m.diverged));
CREATE TABLE lease (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    token INTEGER NOT NULL,
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    driver_pid INTEGER NOT NULL,
    driver_started_s REAL NOT NULL,
    broker_pid INTEGER NOT NULL,
    acquired_at REAL NOT NULL,
    renewed_at REAL NOT NULL,
    released_at REAL
);
INSERT INTO meta VALUES (1, '{"data":{},"name":"digits","network":{},"search":{},"training":{}}', 'abc', 1700000000.0);
INSERT INTO trials VALUES (1, 0, '[0.5]', '{"units": 64}', 1700000001.0);
INSERT INTO trials VALUES (2, 1, '[0.25]', '{"units": 65}', 1700000001.0);
INSERT INTO trials VALUES (3, 2, '[0.75]', '{"units": 66}', 1700000001.0);
INSERT INTO assignments VALUES
    (1, 4, NULL, 'rung', 0, 1, '112x112-b64-adam-float32', 1700000002.0, 1700000004.0);
INSERT INTO assignments VALUES
    (2, 8, NULL, 'rung', 1, 3, '112x112-b64-adam-float32', 1700000005.0, NULL);
INSERT INTO lanes VALUES (1, 0, 0), (1, 1, 1), (1, 2, 2), (2, 0, 1);
INSERT INTO attempts VALUES
    (1, 1, 'slice-0', 1700000002.0, 1700000004.0, 'complete', NULL, 3),
    (2, 1, 'slice-0', 1700000005.0, NULL, NULL, NULL, 1);
INSERT INTO measurements VALUES
    (5, 0, 1, 1.0, 0.5, 2.0, 0.5, 0.01, 0, 1, 1, 1700000003.0),
    (6, 1, 1, 1.0, 0.5, 1.5, 0.6, 0.01, 0, 1, 1, 1700000003.0),
    (7, 2, 1, NULL, 0.5, 9e999, 0.1, 0.01, 1, 1, 1, 1700000003.0),
    (9, 1, 2, 0.5, 0.5, 1.0, 0.7, 0.01, 0, 2, 1, 1700000006.0);
INSERT INTO widths VALUES ('112x112-b64-adam-float32', 4, '{}', 1700000002.0);
INSERT INTO events VALUES (10, 1700000007.0, 'driver_started', '{}');
INSERT INTO lease VALUES
    (1, 7, 'elsewhere', 'boot', 1, 1.0, 1, 1700000001.0, 1700000006.0, NULL);
