-- Calls of endpoints: the requests, their outcomes, and the receipts for revoked tokens.

-- The intent of a request is written before it leaves, and its outcome afterwards. Neither is ever changed.
CREATE TABLE flowctl_catalog.call (
    run_id          uuid        NOT NULL,
    call_id         int         NOT NULL,   -- the event id of the attempt's TaskScheduled
    sending         int         NOT NULL,   -- 1, and one more for each repetition after a crash
    path            text        NOT NULL,
    state           text        NOT NULL,
    visit           int         NOT NULL,
    attempt         int         NOT NULL,
    endpoint        text        NOT NULL,
    options_hash    text,
    method          text,
    host            text,
    url_path        text,
    issuer          text,
    client_id       text,
    subject         text,
    actor           text,
    audience        text,
    scope           text,
    idempotency_key text,
    request_hash    text,
    started_at      timestamptz NOT NULL,
    decision        text,                   -- the policy that permitted it; NULL if none governs the endpoint
    auth            text,                   -- how the call is authenticated
    lease           text,                   -- the role made for it, if the endpoint has a database lease
    PRIMARY KEY (run_id, call_id, sending)
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE flowctl_catalog.call IS 'the intent of every request, written before the request leaves';
ALTER TABLE flowctl_catalog.call ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.call_default PARTITION OF flowctl_catalog.call DEFAULT;
COMMENT ON TABLE flowctl_catalog.call_default IS 'the leaf for calls of runs whose time has no leaf of its own';
ALTER TABLE flowctl_catalog.call_default ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.call_outcome (
    run_id           uuid        NOT NULL,
    call_id          int         NOT NULL,
    sending          int         NOT NULL,
    ended_at         timestamptz NOT NULL,
    duration         interval    NOT NULL,
    sends            int         NOT NULL,  -- more than 1 if a refused token was replaced or a connection was lost
    http_status      int,
    error            text,
    address          text,
    token_id         text,
    token_expires_at timestamptz,
    request_bytes    bigint,
    response_bytes   bigint,
    response_hash    text,
    subject          text,                  -- as the token says, where it was got with somebody's token
    actor            text,
    PRIMARY KEY (run_id, call_id, sending)
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE flowctl_catalog.call_outcome IS 'the outcome of a request';
ALTER TABLE flowctl_catalog.call_outcome ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.call_outcome_default PARTITION OF flowctl_catalog.call_outcome DEFAULT;
COMMENT ON TABLE flowctl_catalog.call_outcome_default IS 'the leaf for outcomes of runs whose time has no leaf of its own';
ALTER TABLE flowctl_catalog.call_outcome_default ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.token_revocation (
    run_id          uuid        NOT NULL,
    token_id        text        NOT NULL,
    at              timestamptz NOT NULL,
    revoked         boolean     NOT NULL,
    message         text
) PARTITION BY RANGE (run_id);
CREATE INDEX token_revocation_run ON flowctl_catalog.token_revocation (run_id);
COMMENT ON INDEX flowctl_catalog.token_revocation_run IS 'finds the receipts of a run';
COMMENT ON TABLE flowctl_catalog.token_revocation IS 'receipts for the revocation of tokens (RFC 7009) at the end of runs';
ALTER TABLE flowctl_catalog.token_revocation ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.token_revocation_default PARTITION OF flowctl_catalog.token_revocation DEFAULT;
COMMENT ON TABLE flowctl_catalog.token_revocation_default IS
    'the leaf for receipts of runs whose time has no leaf of its own';
ALTER TABLE flowctl_catalog.token_revocation_default ENABLE ROW LEVEL SECURITY;

-- Statistics would keep values that a redaction destroys (38_records.sql).
ALTER TABLE flowctl_catalog.call
    ALTER COLUMN url_path SET STATISTICS 0, ALTER COLUMN subject SET STATISTICS 0, ALTER COLUMN actor SET STATISTICS 0,
    ALTER COLUMN request_hash SET STATISTICS 0;
ALTER TABLE flowctl_catalog.call_outcome
    ALTER COLUMN error SET STATISTICS 0, ALTER COLUMN subject SET STATISTICS 0, ALTER COLUMN actor SET STATISTICS 0,
    ALTER COLUMN response_hash SET STATISTICS 0;
ALTER TABLE flowctl_catalog.token_revocation ALTER COLUMN message SET STATISTICS 0;

CREATE VIEW flowctl.calls WITH (security_barrier) AS
    SELECT c.run_id, c.path, c.state, c.visit, c.attempt, c.endpoint, c.auth, c.options_hash, c.method, c.host,
           CASE WHEN may.read_payload THEN c.url_path END AS url_path, o.address,
           c.issuer, c.client_id, coalesce(o.subject, c.subject) AS subject, coalesce(o.actor, c.actor) AS actor, c.audience, c.scope, o.token_id, o.token_expires_at,
           (SELECT pg_catalog.min(t.at) FROM flowctl_catalog.token_revocation t
            WHERE t.run_id = c.run_id AND t.token_id = o.token_id AND t.revoked) AS revoked_at,
           c.idempotency_key, c.started_at, o.duration, o.http_status,
           CASE WHEN may.read_payload THEN o.error END AS error, o.request_bytes, o.response_bytes,
           CASE WHEN may.read_payload THEN c.request_hash END AS request_hash,
           CASE WHEN may.read_payload THEN o.response_hash END AS response_hash, c.decision, c.lease, o.sends
    FROM flowctl_catalog.call c
         JOIN flowctl_catalog.run r ON r.run_id = c.run_id
         LEFT JOIN flowctl_catalog.call_outcome o ON o.run_id = c.run_id AND o.call_id = c.call_id AND o.sending = c.sending
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
         CROSS JOIN LATERAL (SELECT flowctl_catalog.may_read_payload(
             r.flow_id, coalesce(w.owner::oid, r.flow_owner::oid), r.role::oid, 0)) may (read_payload)
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.role::oid IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g);
COMMENT ON VIEW flowctl.calls IS
    'one row for each attempt to call an endpoint: the target, the identity and rights used, and the outcome';
COMMENT ON COLUMN flowctl.calls.run_id IS 'the run';
COMMENT ON COLUMN flowctl.calls.path IS 'branch and item of the state, as in flowctl.steps';
COMMENT ON COLUMN flowctl.calls.state IS 'the Task that called';
COMMENT ON COLUMN flowctl.calls.visit IS 'how often the path had entered the state, counted from 1';
COMMENT ON COLUMN flowctl.calls.attempt IS
    'number of the attempt, counted from 1 over the retries of this visit; a call that a crash repeated has the same number';
COMMENT ON COLUMN flowctl.calls.endpoint IS 'name of the foreign server';
COMMENT ON COLUMN flowctl.calls.auth IS
    'how the call was authenticated: bearer (a token of issuer), or the endpoint''s option auth';
COMMENT ON COLUMN flowctl.calls.options_hash IS 'SHA-256 (hex) of the options of endpoint, issuer and user mapping at that time';
COMMENT ON COLUMN flowctl.calls.method IS 'HTTP method';
COMMENT ON COLUMN flowctl.calls.host IS 'host that was called, with the port if it is not the scheme''s default';
COMMENT ON COLUMN flowctl.calls.url_path IS 'path that was called, without the query';
COMMENT ON COLUMN flowctl.calls.address IS 'IP address of the connection';
COMMENT ON COLUMN flowctl.calls.issuer IS
    'URL of the issuer of the credential, or of the security token service that gave the session; NULL if there was none';
COMMENT ON COLUMN flowctl.calls.client_id IS
    'the client that the credential was issued to; or the role, service account, access key or user name';
COMMENT ON COLUMN flowctl.calls.subject IS
    'the user that the token stands for, as the token says or else as the run says; NULL if the token is for the client itself';
COMMENT ON COLUMN flowctl.calls.actor IS
    'the party that acts for the subject, the latest first if there are several; NULL if there is none';
COMMENT ON COLUMN flowctl.calls.audience IS 'the audience or resource that the token was requested for';
COMMENT ON COLUMN flowctl.calls.scope IS 'the scope that was requested; for AWS, the region and service of the signature';
COMMENT ON COLUMN flowctl.calls.token_id IS
    'jti of the token, or the beginning of its SHA-256 (hex), or the access key id of the session; identifies it in the '
    'issuer''s log';
COMMENT ON COLUMN flowctl.calls.token_expires_at IS 'when the token expires';
COMMENT ON COLUMN flowctl.calls.revoked_at IS 'when the issuer confirmed the token''s revocation; NULL if it did not';
COMMENT ON COLUMN flowctl.calls.idempotency_key IS 'the Idempotency-Key that was sent';
COMMENT ON COLUMN flowctl.calls.started_at IS 'when the intent was recorded, just before the call left';
COMMENT ON COLUMN flowctl.calls.duration IS
    'time from there to the end of the answer, including the request for a token; NULL if there is no outcome yet';
COMMENT ON COLUMN flowctl.calls.http_status IS 'HTTP status of the answer; NULL if no answer came';
COMMENT ON COLUMN flowctl.calls.error IS 'error name of the attempt; NULL if it succeeded or has no outcome yet';
COMMENT ON COLUMN flowctl.calls.request_bytes IS 'bytes of the request''s body';
COMMENT ON COLUMN flowctl.calls.response_bytes IS 'bytes of the answer''s body';
COMMENT ON COLUMN flowctl.calls.request_hash IS 'SHA-256 (hex) of the request''s body';
COMMENT ON COLUMN flowctl.calls.response_hash IS 'SHA-256 (hex) of the answer''s body';
COMMENT ON COLUMN flowctl.calls.decision IS 'the policy that permitted the call; NULL if no policy governs the endpoint';
COMMENT ON COLUMN flowctl.calls.lease IS
    'the role made for the call, as in flowctl.leases and the server''s log; NULL if the endpoint has no database lease';
COMMENT ON COLUMN flowctl.calls.sends IS
    'how often the request was sent: 0 if there was no connection, more than 1 if a token was replaced, a redirect was '
    'followed, or a kept connection was lost without an answer; NULL if there is no outcome yet';
REVOKE ALL ON flowctl.calls FROM PUBLIC;
GRANT SELECT ON flowctl.calls TO PUBLIC;
