-- A state file with version 3 of the tables, as the service wrote it.
CREATE TABLE claims (
        message_id TEXT NOT NULL UNIQUE,
        outcome_id TEXT NOT NULL,
        holder     TEXT,                -- NULL: it was sent, or may have been
        since_ms   INTEGER NOT NULL
    ) STRICT;
INSERT INTO claims VALUES('order-completed:/shop/orders:0000000000000001','order-events/1/1/order-completed','0000000000000001-1',1800000000000);
INSERT INTO claims VALUES('order-completed:/shop/orders:0000000000000002','order-events/1/2/order-completed',NULL,1800000000000);
INSERT INTO claims VALUES('order-completed:/shop/orders:0000000000000004','order-events/1/4/order-completed',NULL,1800000000000);
INSERT INTO claims VALUES('order-completed:/shop/orders:0000000000000005','order-events/1/5/order-completed','0000000000000001-5',1800000000000);
INSERT INTO claims VALUES('order-completed:/shop/orders:0000000000000006','order-events/1/6/order-completed',NULL,1800000000000);
INSERT INTO claims VALUES('order-completed:/shop/orders:0000000000000007','order-events/1/7/order-completed','0000000000000001-7',1800000000000);
CREATE TABLE outcomes (
        id         TEXT NOT NULL UNIQUE,
        json       TEXT NOT NULL,
        settled_ms INTEGER NOT NULL
    ) STRICT;
INSERT INTO outcomes VALUES('order-events/1/2/order-completed',replace('2\nssent\nrok\ndWeChat took it: 送达 "ok"\nTorder-events\nP1\nO123456\nRorder-completed\nMorder-completed:/shop/orders:0000000000000002\nv3f2a9c41d07b\nashop\ntorder_completed\niHYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8\nuoBi***001\ne01J9Z8Y7X6W5V4U3T2S1R0Q9P8\nkorder.completed\no/shop/orders\nw1795336200000\nn2862830402153865217\nA1\nx120\ny80\nW12\nI68\nz{"due_at":{"in":["a later",1,null]}}','\n',char(10)),1800000000000);
INSERT INTO outcomes VALUES('order-events/1/3/order-completed',replace('2\nsfailed\nrok\ndWeChat took it: 送达 "ok"\nTorder-events\nP1\nO123456\nRorder-completed\nMorder-completed:/shop/orders:0000000000000003\nv3f2a9c41d07b\nashop\ntorder_completed\niHYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8\nuoBi***001\ne01J9Z8Y7X6W5V4U3T2S1R0Q9P8\nkorder.completed\no/shop/orders\nw1795336200000\nA1\nx120\ny80\nW12\nI68\nz{"due_at":{"in":["a later",1,null]}}','\n',char(10)),1800000000000);
INSERT INTO outcomes VALUES('order-events/1/4/order-completed',replace('2\nsunknown\nrok\ndWeChat took it: 送达 "ok"\nTorder-events\nP1\nO123456\nRorder-completed\nMorder-completed:/shop/orders:0000000000000004\nv3f2a9c41d07b\nashop\ntorder_completed\niHYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8\nuoBi***001\ne01J9Z8Y7X6W5V4U3T2S1R0Q9P8\nkorder.completed\no/shop/orders\nw1795336200000\nn77\nA1\nx120\ny80\nW12\nI68\nz{"due_at":{"in":["a later",1,null]}}','\n',char(10)),1800000000000);
INSERT INTO outcomes VALUES('order-events/1/6/order-completed',replace('2\nssent\nrok\ndWeChat took it: 送达 "ok"\nTorder-events\nP1\nO123456\nRorder-completed\nMorder-completed:/shop/orders:0000000000000006\nv3f2a9c41d07b\nashop\ntorder_completed\niHYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8\nuoBi***001\ne01J9Z8Y7X6W5V4U3T2S1R0Q9P8\nkorder.completed\no/shop/orders\nw1795336200000\nn2862830402153865217\nA1\nx120\ny80\nW12\nI68','\n',char(10)),1800000000000);
CREATE TABLE ledgers (
        app         TEXT NOT NULL,
        openid      TEXT NOT NULL,
        template_id TEXT NOT NULL,
        json        TEXT NOT NULL,
        changed_ms  INTEGER NOT NULL,
        UNIQUE (app, openid, template_id)
    ) STRICT;
INSERT INTO ledgers VALUES('shop','o1','T1','{"granted":3,"used":1,"reserved":{"order-completed:/shop/orders:0000000000000005":1800000000000},"recent":[{"at_ms":1799999991000,"told_by":["event","callback"],"others_ms":[1799999992000]},{"at_ms":1799999995000,"told_by":["event"]},{"at_ms":1799999996000,"told_by":["event"]}]}',1800000000000);
INSERT INTO ledgers VALUES('shop','o2','T1','{"granted":1,"used":0,"reserved":{"order-completed:/shop/orders:0000000000000007":1800000000000},"void":["order-completed:/shop/orders:0000000000000007"],"known_ms":1800000000000,"recent":[{"at_ms":1799999930000,"told_by":["event"]}]}',1800000000000);
INSERT INTO ledgers VALUES('shop','o3','T1','{"granted":1,"used":0,"recent":[{"at_ms":1800000000000,"told_by":["event"]}]}',1800000000000);
CREATE TABLE marks (
        mark     TEXT NOT NULL UNIQUE,  -- what was told or done
        since_ms INTEGER NOT NULL
    ) STRICT;
INSERT INTO marks VALUES('receipt/shop/77',1800000000000);
INSERT INTO marks VALUES('report/event/shop/o1/T1/accept/1',1800000000000);
INSERT INTO marks VALUES('report/callback/shop/o1/T1/accept/2',1800000000000);
INSERT INTO marks VALUES('report/event/shop/o1/T1/accept/3',1800000000000);
INSERT INTO marks VALUES('report/event/shop/o1/T1/accept/4',1800000000000);
INSERT INTO marks VALUES('report/event/shop/o2/T1/accept/5',1800000000000);
INSERT INTO marks VALUES('report/mini_program/shop/o2/T1/reject/6',1800000000000);
INSERT INTO marks VALUES('report/event/shop/o3/T1/accept/7',1800000000000);
CREATE TABLE users (
        name     TEXT NOT NULL UNIQUE,  -- the id of an outcome, or of a session
        openid   TEXT NOT NULL,
        until_ms INTEGER NOT NULL
    ) STRICT;
INSERT INTO users VALUES('order-events/1/8/order-completed','o of a code',1800003600000);
INSERT INTO users VALUES('session:1','o of a code',1800003600000);
CREATE TABLE numbers (
        app        TEXT NOT NULL,
        msgid      TEXT NOT NULL,
        outcome_id TEXT NOT NULL,
        since_ms   INTEGER NOT NULL,
        UNIQUE (app, msgid)
    ) STRICT;
INSERT INTO numbers VALUES('shop','2862830402153865217','order-events/1/2/order-completed',1800000000000);
INSERT INTO numbers VALUES('shop','77','order-events/1/4/order-completed',1800000000000);
CREATE INDEX claims_by_age ON claims (since_ms);
CREATE INDEX outcomes_by_age ON outcomes (settled_ms);
CREATE INDEX ledgers_by_age ON ledgers (changed_ms);
CREATE INDEX marks_by_age ON marks (since_ms);
CREATE INDEX users_by_age ON users (until_ms);
CREATE INDEX numbers_by_age ON numbers (since_ms);
PRAGMA user_version = 3;
