-- A study that caviar wrote when the journal's schema was of version 2, its driver killed at work:
-- two assignments are at their end, a third one in the middle. Its checkpoints are those of
-- `tests/tuning/stand_ins.py`.
PRAGMA application_id = 1128355401;
PRAGMA user_version = 2;
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
INSERT INTO "assignments" VALUES(1,10,NULL,'rung',0,1,'64x64-b64-adam-float32',1760000014.0,1760000020.0);
INSERT INTO "assignments" VALUES(2,13,NULL,'rung',0,1,'64x64-b64-adam-float32',1760000022.0,1760000028.0);
INSERT INTO "assignments" VALUES(3,16,NULL,'rung',1,3,'64x64-b64-adam-float32',1760000030.0,NULL);
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
INSERT INTO "attempts" VALUES(1,1,'a',1760000016.0,1760000021.0,'complete',NULL,2);
INSERT INTO "attempts" VALUES(2,1,'a',1760000024.0,1760000029.0,'complete',NULL,2);
INSERT INTO "attempts" VALUES(3,1,'a',1760000032.0,NULL,NULL,NULL,1);
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
INSERT INTO "checkpoints" VALUES(0,1,'trial-000000-epoch-00001-lease-1.ckpt','cd63ae0289732991055c3f4d5b0366508c6ce45d1bd3a3b6d958eacafde8b5db',24,1760000019.0);
INSERT INTO "checkpoints" VALUES(0,2,'trial-000000-epoch-00002-lease-1.ckpt','c85f1da13b9d07a335f994120929cc135fb401a07fc6991c61c2eac4f40058f9',24,1760000034.0);
INSERT INTO "checkpoints" VALUES(1,1,'trial-000001-epoch-00001-lease-1.ckpt','f5e700471b55fb4eb65d52c4e87a863f8249c1e932dfef3ded95a9f70a266f22',24,1760000019.0);
INSERT INTO "checkpoints" VALUES(2,1,'trial-000002-epoch-00001-lease-1.ckpt','34b9190b37301dc4e4acb548768e33f4677fda5e7c6513dd0aa7998f95dd00b1',24,1760000027.0);
INSERT INTO "checkpoints" VALUES(3,1,'trial-000003-epoch-00001-lease-1.ckpt','54c41597b8c46c15b3561e6b237770cd954b30c5df5bdd975823c930a9c4ff27',24,1760000027.0);
CREATE TABLE events (
    entry INTEGER PRIMARY KEY,
    recorded_at REAL NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL
);
INSERT INTO "events" VALUES(1,1760000004.0,'driver_started','{"pid": 1, "slices": 2}');
CREATE TABLE failures (
    entry INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL UNIQUE REFERENCES trials (trial),
    error TEXT NOT NULL,
    recorded_at REAL NOT NULL
);
CREATE TABLE lanes (
    assignment INTEGER NOT NULL REFERENCES assignments,
    lane INTEGER NOT NULL,
    trial INTEGER NOT NULL REFERENCES trials (trial),
    PRIMARY KEY (assignment, lane),
    UNIQUE (trial, assignment)
) WITHOUT ROWID;
INSERT INTO "lanes" VALUES(1,0,0);
INSERT INTO "lanes" VALUES(1,1,1);
INSERT INTO "lanes" VALUES(2,0,2);
INSERT INTO "lanes" VALUES(2,1,3);
INSERT INTO "lanes" VALUES(3,0,0);
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
INSERT INTO "lease" VALUES(1,1,'elsewhere','b',1,1.0,2,1760000003.0,1760000003.0,NULL);
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
    stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    reason TEXT NOT NULL DEFAULT '',
    watch TEXT,
    FOREIGN KEY (assignment, attempt) REFERENCES attempts
);
INSERT INTO "measurements" VALUES(11,0,1,0.2,8.3333333333333337034e-01,0.2,8.3333333333333337034e-01,0.0,0,1,1,1760000017.0,0,'',NULL);
INSERT INTO "measurements" VALUES(12,1,1,0.605940594059406,6.2268803945745987427e-01,0.605940594059406,6.2268803945745987427e-01,0.0,0,1,1,1760000018.0,0,'',NULL);
INSERT INTO "measurements" VALUES(14,2,1,1.01188118811881189174e+00,4.97047244094488194221e-01,1.01188118811881189174e+00,4.97047244094488194221e-01,0.0,0,2,1,1760000025.0,0,'',NULL);
INSERT INTO "measurements" VALUES(15,3,1,4.17821782178217859815e-01,7.05307262569832449372e-01,4.17821782178217859815e-01,7.05307262569832449372e-01,0.0,0,2,1,1760000026.0,0,'',NULL);
INSERT INTO "measurements" VALUES(17,0,2,1.41421356237309503445e-01,8.76100656900704599649e-01,1.41421356237309503445e-01,8.76100656900704599649e-01,0.0,0,3,1,1760000033.0,0,'',NULL);
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    spec TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at REAL NOT NULL
);
INSERT INTO "meta" VALUES(1,'{"augmentation":{"flip":0.0,"noise":0.0,"rotation":0.0,"shift":0.0,"zoom":0.0},"data":{"categorical":[],"class_weights":"none","data_dir":null,"drop":[],"feed":"auto","fractions":null,"label":null,"missing":"refuse","name":"digits","normalise":true,"path":null},"name":"digits","network":{"activation":"relu","batch_norm":true,"batch_norm_epsilon":0.001,"batch_norm_momentum":0.99,"initializer":"he","initializer_scale":1.0,"layers":2,"units":64},"regularization":{"keep_prob":1.0,"l1":0.0,"l2":0.0,"label_smoothing":0.0,"max_norm":0.0,"weight_decay":0.0},"resources":{"checkpoint_s":120.0,"cpus_per_slice":1,"gpus_per_slice":0.0,"max_slices":"auto","stack":2},"search":{"grace_epochs":1,"max_epochs":9,"metric":"dev_accuracy","reduction_factor":3,"searcher":"sobol","strategy":"caviar","trials":8},"seed":0,"training":{"batch_size":64,"beta_1":0.9,"beta_2":0.999,"clip_norm":0.0,"decay_epochs":null,"decay_factor":0.5,"diverged_above":3.0,"epsilon":1e-08,"learning_rate":{"high":1.0,"low":0.0001,"scale":"log"},"learning_rate_decay":0.0,"momentum":0.9,"optimizer":"adam","patience":0,"precision":"float32","schedule":"inverse_time","schedule_per":"epoch","warmup_epochs":0.0}}','23a3c9e94c52a983923adb381595f588a84b7e0fc1a72cafa5242e62bfb5ffad',1760000001.0);
CREATE TABLE trials (
    entry INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL UNIQUE CHECK (trial >= 0),
    point TEXT NOT NULL,
    hyperparameters TEXT NOT NULL,
    recorded_at REAL NOT NULL
);
INSERT INTO "trials" VALUES(2,0,'[0.40994958858937025]','{"learning_rate": 0.004363132022556254, "layers": 2, "units": 64, "activation": "relu", "batch_norm": true, "batch_norm_momentum": 0.99, "batch_norm_epsilon": 0.001, "initializer": "he", "initializer_scale": 1.0, "optimizer": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-08, "batch_size": 64, "schedule": "inverse_time", "learning_rate_decay": 0.0}',1760000006.0);
INSERT INTO "trials" VALUES(3,1,'[0.7536139050498605]','{"learning_rate": 0.10338454487093009, "layers": 2, "units": 64, "activation": "relu", "batch_norm": true, "batch_norm_momentum": 0.99, "batch_norm_epsilon": 0.001, "initializer": "he", "initializer_scale": 1.0, "optimizer": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-08, "batch_size": 64, "schedule": "inverse_time", "learning_rate_decay": 0.0}',1760000007.0);
INSERT INTO "trials" VALUES(4,2,'[0.5599655648693442]','{"learning_rate": 0.017372497564934697, "layers": 2, "units": 64, "activation": "relu", "batch_norm": true, "batch_norm_momentum": 0.99, "batch_norm_epsilon": 0.001, "initializer": "he", "initializer_scale": 1.0, "optimizer": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-08, "batch_size": 64, "schedule": "inverse_time", "learning_rate_decay": 0.0}',1760000008.0);
INSERT INTO "trials" VALUES(5,3,'[0.15343121904879808]','{"learning_rate": 0.0004108893418957442, "layers": 2, "units": 64, "activation": "relu", "batch_norm": true, "batch_norm_momentum": 0.99, "batch_norm_epsilon": 0.001, "initializer": "he", "initializer_scale": 1.0, "optimizer": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-08, "batch_size": 64, "schedule": "inverse_time", "learning_rate_decay": 0.0}',1760000009.0);
INSERT INTO "trials" VALUES(6,4,'[0.03086476307362318]','{"learning_rate": 0.00013287982647099513, "layers": 2, "units": 64, "activation": "relu", "batch_norm": true, "batch_norm_momentum": 0.99, "batch_norm_epsilon": 0.001, "initializer": "he", "initializer_scale": 1.0, "optimizer": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-08, "batch_size": 64, "schedule": "inverse_time", "learning_rate_decay": 0.0}',1760000010.0);
INSERT INTO "trials" VALUES(7,5,'[0.6873838463798165]','{"learning_rate": 0.05617400460415817, "layers": 2, "units": 64, "activation": "relu", "batch_norm": true, "batch_norm_momentum": 0.99, "batch_norm_epsilon": 0.001, "initializer": "he", "initializer_scale": 1.0, "optimizer": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-08, "batch_size": 64, "schedule": "inverse_time", "learning_rate_decay": 0.0}',1760000011.0);
INSERT INTO "trials" VALUES(8,6,'[0.8761798879131675]','{"learning_rate": 0.3196830070220378, "layers": 2, "units": 64, "activation": "relu", "batch_norm": true, "batch_norm_momentum": 0.99, "batch_norm_epsilon": 0.001, "initializer": "he", "initializer_scale": 1.0, "optimizer": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-08, "batch_size": 64, "schedule": "inverse_time", "learning_rate_decay": 0.0}',1760000012.0);
INSERT INTO "trials" VALUES(9,7,'[0.28253082651644945]','{"learning_rate": 0.0013493459381641105, "layers": 2, "units": 64, "activation": "relu", "batch_norm": true, "batch_norm_momentum": 0.99, "batch_norm_epsilon": 0.001, "initializer": "he", "initializer_scale": 1.0, "optimizer": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-08, "batch_size": 64, "schedule": "inverse_time", "learning_rate_decay": 0.0}',1760000013.0);
CREATE TABLE widths (
    signature TEXT PRIMARY KEY,
    width INTEGER NOT NULL CHECK (width >= 1),
    evidence TEXT NOT NULL,
    recorded_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX assignments_open ON assignments (assignment) WHERE closed_at IS NULL;
CREATE INDEX attempts_running ON attempts (assignment) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX measurements_by_trial ON measurements (trial, epoch);
CREATE VIEW unfinished AS
    SELECT assignment, lane, trial FROM assignments a JOIN lanes l USING (assignment)
    WHERE closed_at IS NULL AND trial NOT IN (SELECT trial FROM failures)
        AND NOT EXISTS (
            SELECT 1 FROM measurements m
            WHERE m.trial = l.trial AND (m.epoch >= a.last_epoch OR m.diverged OR m.stopped));
