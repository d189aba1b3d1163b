-- Events: what happens in the database, what is emitted by applications, and the rules by which an event
-- starts a flow.
--
-- An event is recorded in the transaction that causes it, and it starts flows in that transaction, so nothing
-- starts if the transaction rolls back. What would take a command too long is left to the worker: it finds a
-- row in event_pending. No foreign key connects the tables, because a dump may be restored in any order.

CREATE TABLE flowctl_catalog.event (
    event_id          uuid        PRIMARY KEY,   -- begins with the time
    type              text        NOT NULL,
    source            text        NOT NULL,
    id                text        NOT NULL,      -- CloudEvents: source and id identify the event
    is_named          boolean     NOT NULL,      -- the id was given by the emitter
    subject           text,
    data              text,                      -- JSON
    attributes        text,                      -- further attributes of an ingested event, a JSON object
    at                timestamptz NOT NULL,
    xid               xid8        NOT NULL,      -- the transaction that recorded it
    depth             int         NOT NULL,      -- how many events have started runs that led to it
    caused_by         uuid,                      -- the run that caused it
    emitter           oid         NOT NULL,      -- current_user
    reader            oid,                       -- only roles that act for this one get it; NULL: everybody who asks for it
    session_user_name text        NOT NULL,
    system_user_name  text,
    verified_subject  text,                      -- the verified end user of the session; the next two belong to it
    subject_issuer    text,
    subject_claims    text,
    asserted_subject  text,
    client_addr       inet,
    application_name  text,
    traceparent       text
);
COMMENT ON TABLE flowctl_catalog.event IS 'what has happened: emitted events, and those of the database that somebody asks for';
CREATE UNIQUE INDEX event_named ON flowctl_catalog.event (emitter, source, id) WHERE is_named;
COMMENT ON INDEX flowctl_catalog.event_named IS 'makes events of one role with the same source and id one event';
CREATE INDEX event_type ON flowctl_catalog.event (type, subject, event_id);
COMMENT ON INDEX flowctl_catalog.event_type IS 'finds the past events that a run begins to wait for';
CREATE INDEX event_caused ON flowctl_catalog.event (caused_by) WHERE caused_by IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.event_caused IS 'finds the events of a run that is redacted';
CREATE INDEX event_xid ON flowctl_catalog.event (xid);
COMMENT ON INDEX flowctl_catalog.event_xid IS 'finds the events that have become visible since the last look';
ALTER TABLE flowctl_catalog.event ENABLE ROW LEVEL SECURITY;
ALTER TABLE flowctl_catalog.event ALTER COLUMN data SET STATISTICS 0, ALTER COLUMN attributes SET STATISTICS 0,
    ALTER COLUMN subject_claims SET STATISTICS 0;

CREATE TABLE flowctl_catalog.event_rule (
    rule_id           uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    name              text        NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9_-]{1,80}$'),
    owner             flowctl_catalog.role_ref NOT NULL,
    flow              text        NOT NULL,      -- as flowctl.start() takes it
    event             text        NOT NULL,      -- a type, or the beginning of types and *
    filter            text,
    input             text,
    comment           text,
    options           jsonb       NOT NULL DEFAULT '{}',
    emitters          flowctl_catalog.role_ref[],  -- whose events count; NULL: everybody's
    enabled           boolean     NOT NULL DEFAULT true,
    disabled_reason   text,
    created_at        timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE flowctl_catalog.event_rule IS 'which events start which flow (flowctl.create_event_rule)';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF owner OR DELETE ON flowctl_catalog.event_rule
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.event_rule ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.event_rule IS 'keeps owners of event rules from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.event_rule', '');

-- Sessions and workers keep the rules that they have read. This tells them that a rule has changed.
CREATE FUNCTION flowctl_catalog.event_rules_changed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_event_rules_changed';
COMMENT ON FUNCTION flowctl_catalog.event_rules_changed() IS
    'trigger function: tells all sessions to read the event rules again';
REVOKE ALL ON FUNCTION flowctl_catalog.event_rules_changed() FROM PUBLIC;
CREATE TRIGGER rules_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON flowctl_catalog.event_rule
    FOR EACH STATEMENT EXECUTE FUNCTION flowctl_catalog.event_rules_changed();
ALTER TABLE flowctl_catalog.event_rule ENABLE ALWAYS TRIGGER rules_changed;
COMMENT ON TRIGGER rules_changed ON flowctl_catalog.event_rule IS 'tells all sessions to read the event rules again';

-- A rule and an event that the worker has to look at.
CREATE TABLE flowctl_catalog.event_pending (
    event_id          uuid        NOT NULL,
    rule_id           uuid        NOT NULL,
    cancels           boolean     NOT NULL,      -- the event is of the type that the rule's option unless names
    bucket            smallint    NOT NULL,      -- of the rule
    PRIMARY KEY (event_id, rule_id, cancels)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.event_pending IS 'events that the worker has yet to give to rules';
ALTER TABLE flowctl_catalog.event_pending ENABLE ROW LEVEL SECURITY;

-- The events that a rule with the option within counts, or after which it waits for another one.
CREATE TABLE flowctl_catalog.event_window (
    rule_id           uuid        NOT NULL,
    key               text        NOT NULL,
    event_id          uuid        NOT NULL,
    at                timestamptz NOT NULL,
    due_at            timestamptz,               -- when the rule fires unless the other event has come
    bucket            smallint    NOT NULL,
    PRIMARY KEY (rule_id, key, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.event_window IS 'events that rules with the option within remember';
CREATE INDEX event_window_due ON flowctl_catalog.event_window (due_at) WHERE due_at IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.event_window_due IS 'finds what is due';
CREATE INDEX event_window_at ON flowctl_catalog.event_window (at);
COMMENT ON INDEX flowctl_catalog.event_window_at IS 'finds what is too old to count';
ALTER TABLE flowctl_catalog.event_window ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.event_failure (
    failure_id        uuid        PRIMARY KEY,   -- begins with the time
    rule              text        NOT NULL,
    rule_owner        oid         NOT NULL,
    flow              text        NOT NULL,
    event_id          uuid        NOT NULL,
    type              text        NOT NULL,
    depth             int         NOT NULL,
    reason            text        NOT NULL,
    at                timestamptz NOT NULL
);
COMMENT ON TABLE flowctl_catalog.event_failure IS 'events that could start nothing although a rule names them';
ALTER TABLE flowctl_catalog.event_failure ENABLE ROW LEVEL SECURITY;
ALTER TABLE flowctl_catalog.event_failure ALTER COLUMN reason SET STATISTICS 0;

CREATE FUNCTION flowctl.emit(type text, data jsonb DEFAULT NULL, subject text DEFAULT NULL, id text DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_emit';
COMMENT ON FUNCTION flowctl.emit(text, jsonb, text, text) IS
    'records an event of a type of your own, which starts the flows of the event rules that match it when this transaction commits, '
    'and returns its event_id. The same id by the same role is the same event';

CREATE FUNCTION flowctl.ingest(event jsonb) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_ingest';
COMMENT ON FUNCTION flowctl.ingest(jsonb) IS
    'records an event that comes as a CloudEvent 1.0 in structured JSON, and returns its event_id. The same source and id by the '
    'same role is the same event';
REVOKE ALL ON FUNCTION flowctl.emit(text, jsonb, text, text), flowctl.ingest(jsonb) FROM PUBLIC;

CREATE VIEW flowctl.events WITH (security_barrier) AS
    SELECT e.event_id, e.at, e.type, e.source, e.id, e.subject, e.data::pg_catalog.jsonb AS data, e.depth,
           e.caused_by AS run_id, e.emitter::pg_catalog.regrole AS emitter, e.session_user_name,
           e.verified_subject AS user_subject, e.traceparent
    FROM flowctl_catalog.event e, (SELECT) AS read_only
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR e.emitter IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR e.reader IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.events IS
    'recorded events: those of the current role, and those about flows that it owns. They are kept for flowctl.event_retention';
COMMENT ON COLUMN flowctl.events.event_id IS 'identifies the event; it grows with the time';
COMMENT ON COLUMN flowctl.events.at IS 'when it was recorded';
COMMENT ON COLUMN flowctl.events.type IS 'type of the event, such as order.paid or permission.granted';
COMMENT ON COLUMN flowctl.events.source IS 'where it comes from: /<database>/<role> if flowctl.emit() has recorded it';
COMMENT ON COLUMN flowctl.events.id IS 'identifies the event within its source';
COMMENT ON COLUMN flowctl.events.subject IS 'what the event is about';
COMMENT ON COLUMN flowctl.events.data IS 'what the event says';
COMMENT ON COLUMN flowctl.events.depth IS
    'how many events have led to it, each by a run that it started; at 8 an event starts nothing any more';
COMMENT ON COLUMN flowctl.events.run_id IS 'the run that caused it';
COMMENT ON COLUMN flowctl.events.emitter IS 'current_user when it was recorded';
COMMENT ON COLUMN flowctl.events.session_user_name IS 'session_user when it was recorded';
COMMENT ON COLUMN flowctl.events.user_subject IS 'the verified end user of the session';
COMMENT ON COLUMN flowctl.events.traceparent IS 'the W3C trace context of the session';
REVOKE ALL ON flowctl.events FROM PUBLIC;
GRANT SELECT ON flowctl.events TO PUBLIC;

CREATE FUNCTION flowctl.create_event_rule(name text, flow text, event text, filter text DEFAULT NULL, input text DEFAULT NULL,
                                          comment text DEFAULT NULL, options jsonb DEFAULT '{}', or_replace boolean DEFAULT false) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_create_event_rule';
COMMENT ON FUNCTION flowctl.create_event_rule(text, text, text, text, text, text, jsonb, boolean) IS
    'makes a rule that starts a flow for events of a type (''order.paid'' or ''order.*'') for which filter is true; input is an '
    'expression over the event. options: on_error (record | raise), emitters, within, threshold, key, unless. For roles that may '
    'start the flow';

CREATE FUNCTION flowctl.alter_event_rule(name text, flow text DEFAULT NULL, event text DEFAULT NULL, filter text DEFAULT NULL,
                                         input text DEFAULT NULL, comment text DEFAULT NULL, options jsonb DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_alter_event_rule';
COMMENT ON FUNCTION flowctl.alter_event_rule(text, text, text, text, text, text, jsonb) IS
    'changes what is given of an event rule and leaves the rest as it is; an empty text removes filter, input or comment. For the '
    'rule''s owner';

CREATE FUNCTION flowctl.drop_event_rule(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_event_rule';
COMMENT ON FUNCTION flowctl.drop_event_rule(text) IS 'drops an event rule; runs that it has started go on. For the rule''s owner';

CREATE FUNCTION flowctl.enable_event_rule(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_enable_event_rule';
COMMENT ON FUNCTION flowctl.enable_event_rule(text) IS
    'lets an event rule start its flow again, if its owner may start the flow. For the rule''s owner';

CREATE FUNCTION flowctl.disable_event_rule(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_disable_event_rule';
COMMENT ON FUNCTION flowctl.disable_event_rule(text) IS
    'keeps an event rule from starting its flow until flowctl.enable_event_rule() is called. For the rule''s owner';

REVOKE ALL ON FUNCTION flowctl.create_event_rule(text, text, text, text, text, text, jsonb, boolean),
    flowctl.alter_event_rule(text, text, text, text, text, text, jsonb), flowctl.drop_event_rule(text),
    flowctl.enable_event_rule(text), flowctl.disable_event_rule(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.create_event_rule(text, text, text, text, text, text, jsonb, boolean),
    flowctl.alter_event_rule(text, text, text, text, text, text, jsonb), flowctl.drop_event_rule(text),
    flowctl.enable_event_rule(text), flowctl.disable_event_rule(text) TO PUBLIC;

CREATE VIEW flowctl.event_rules WITH (security_barrier) AS
    SELECT r.name, r.flow, r.event, r.filter, r.input,
           r.options || CASE WHEN r.emitters IS NULL THEN '{}'::pg_catalog.jsonb
                             ELSE pg_catalog.jsonb_build_object('emitters', r.emitters::pg_catalog.text[]) END AS options,
           r.owner::pg_catalog.regrole AS owner, r.enabled, r.disabled_reason, r.comment, r.created_at
    FROM flowctl_catalog.event_rule r LEFT JOIN flowctl_catalog.flow f ON f.name = pg_catalog.split_part(r.flow, ':', 1)
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR r.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR f.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.event_rules IS
    'which events start which flow: the rules of the current role, and those that name its flows';
COMMENT ON COLUMN flowctl.event_rules.name IS 'the rule';
COMMENT ON COLUMN flowctl.event_rules.flow IS 'the flow that it starts, as flowctl.start() takes it';
COMMENT ON COLUMN flowctl.event_rules.event IS 'a type of events, or the beginning of types and *';
COMMENT ON COLUMN flowctl.event_rules.filter IS 'expression over the event; the rule starts the flow if it is true. NULL: for every event';
COMMENT ON COLUMN flowctl.event_rules.input IS 'expression over the event that gives the run''s input; NULL: the event is the input';
COMMENT ON COLUMN flowctl.event_rules.options IS 'on_error, emitters, within, threshold, key, unless';
COMMENT ON COLUMN flowctl.event_rules.owner IS
    'the role that starts the runs; NULL if the role does not exist (flowctl.unresolved)';
COMMENT ON COLUMN flowctl.event_rules.enabled IS 'whether the rule starts its flow';
COMMENT ON COLUMN flowctl.event_rules.disabled_reason IS 'why it does not';
COMMENT ON COLUMN flowctl.event_rules.comment IS 'the comment given to flowctl.create_event_rule';
COMMENT ON COLUMN flowctl.event_rules.created_at IS 'when it was created';
REVOKE ALL ON flowctl.event_rules FROM PUBLIC;
GRANT SELECT ON flowctl.event_rules TO PUBLIC;

CREATE VIEW flowctl.event_failures WITH (security_barrier) AS
    SELECT f.at, f.rule, f.flow, f.event_id, f.type, f.depth, f.reason, e.data::pg_catalog.jsonb AS data
    FROM flowctl_catalog.event_failure f LEFT JOIN flowctl_catalog.event e ON e.event_id = f.event_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR f.rule_owner IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.event_failures IS
    'events that could start nothing although a rule names them: of the rules of the current role. They are kept for '
    'flowctl.event_retention';
COMMENT ON COLUMN flowctl.event_failures.at IS 'when it was found';
COMMENT ON COLUMN flowctl.event_failures.rule IS 'the event rule';
COMMENT ON COLUMN flowctl.event_failures.flow IS 'the flow that it would have started';
COMMENT ON COLUMN flowctl.event_failures.event_id IS 'the event, as in flowctl.events';
COMMENT ON COLUMN flowctl.event_failures.type IS 'type of the event';
COMMENT ON COLUMN flowctl.event_failures.depth IS 'depth of the event';
COMMENT ON COLUMN flowctl.event_failures.reason IS 'why nothing was started';
COMMENT ON COLUMN flowctl.event_failures.data IS 'what the event says; NULL if it is no longer kept';
REVOKE ALL ON flowctl.event_failures FROM PUBLIC;
GRANT SELECT ON flowctl.event_failures TO PUBLIC;

-- When a run of a flow with the option expect has to have begun or ended. The worker deletes the row at that
-- time, and records the event if the run has not.
CREATE TABLE flowctl_catalog.run_expectation (
    run_id            uuid        NOT NULL,
    kind              text        NOT NULL,      -- run.late, run.overdue: the type of the event
    due_at            timestamptz NOT NULL,
    bucket            smallint    NOT NULL,
    PRIMARY KEY (run_id, kind)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.run_expectation IS 'when runs are expected to have begun and to have ended (option expect)';
CREATE INDEX run_expectation_due ON flowctl_catalog.run_expectation (due_at);
COMMENT ON INDEX flowctl_catalog.run_expectation_due IS 'finds what is due';
ALTER TABLE flowctl_catalog.run_expectation ENABLE ROW LEVEL SECURITY;
