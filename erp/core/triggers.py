"""Migration operations for the guards that PostgreSQL keeps, so that each app's migration reads as a list of promises.

The functions themselves are created in ``core``'s first migration.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations.operations import RunSQL

APPEND_ONLY_FUNCTION = """
CREATE FUNCTION mamori_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        -- Only test settings set this, so that a test database can be emptied between tests.
        IF current_setting('mamori.allow_truncate', true) = 'on' THEN RETURN NULL; END IF;
    END IF;
    RAISE EXCEPTION '% of % is refused: its rows are final, correct them by a reversal', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'rows_are_final', TABLE = TG_TABLE_NAME;
END $$;
"""

# Statement-level with a transition table: one look-up per statement, not one per row.
BORN_WITH_HEADER_FUNCTION = """
CREATE FUNCTION mamori_born_with_header() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE late bigint;
BEGIN
    EXECUTE format('SELECT new.%1$I FROM new_rows new JOIN %2$I header ON header.id = new.%1$I'
                   ' WHERE header.created_xid <> pg_current_xact_id() LIMIT 1', TG_ARGV[1], TG_ARGV[0]) INTO late;
    IF late IS NOT NULL THEN
        RAISE EXCEPTION '% % is closed: nothing can be added to it later', TG_ARGV[0], late
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'closed_to_later_rows', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

AUDIT_FUNCTION = """
CREATE FUNCTION mamori_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    old_row jsonb; new_row jsonb; row_key text; hidden text[] := TG_ARGV[1:];
    who text := coalesce(nullif(current_setting('mamori.actor', true), ''), 'database:' || session_user);
    whence text := coalesce(nullif(current_setting('mamori.source', true), ''),
        concat_ws(' ', current_setting('application_name', true), host(inet_client_addr())));
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO core_auditrow (table_name, row_id, action, actor, source, recorded_at)
        VALUES (TG_TABLE_NAME, '*', 'TRUNCATE', left(who, 100), left(whence, 200), clock_timestamp());
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN old_row := to_jsonb(OLD); row_key := old_row ->> TG_ARGV[0]; END IF;
    IF TG_OP <> 'DELETE' THEN new_row := to_jsonb(NEW); row_key := coalesce(new_row ->> TG_ARGV[0], row_key); END IF;
    IF TG_OP = 'UPDATE' THEN
        -- Keep only what changed; a write that changed nothing is no event.
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(n.key, n.value) INTO old_row, new_row
        FROM jsonb_each(old_row) o JOIN jsonb_each(new_row) n USING (key) WHERE o.value IS DISTINCT FROM n.value;
        IF old_row IS NULL THEN RETURN NULL; END IF;
    END IF;
    IF cardinality(hidden) > 0 THEN
        SELECT jsonb_object_agg(key, CASE WHEN key = ANY(hidden) THEN '"***"' ELSE value END) INTO old_row FROM jsonb_each(old_row);
        SELECT jsonb_object_agg(key, CASE WHEN key = ANY(hidden) THEN '"***"' ELSE value END) INTO new_row FROM jsonb_each(new_row);
    END IF;
    INSERT INTO core_auditrow (table_name, row_id, action, before, after, actor, source, recorded_at)
    VALUES (TG_TABLE_NAME, coalesce(row_key, ''), TG_OP, old_row, new_row, left(who, 100), left(whence, 200), clock_timestamp());
    RETURN NULL;
END $$;
"""


def append_only(table: str, *, prunable: str = "") -> RunSQL:
    """Rows of ``table`` are never updated, deleted or truncated.

    Those that fulfil ``prunable``, a condition on ``OLD``, may be deleted in a transaction that says so (``mamori.prune``).
    """
    if prunable:
        unless = f"NOT (({prunable}) AND coalesce(current_setting('mamori.prune', true), '') = 'on')"
        rows_are_final = (
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION mamori_refuse_change();"
            f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table}"
            f" FOR EACH ROW WHEN ({unless}) EXECUTE FUNCTION mamori_refuse_change();"
        )
        back = f"DROP TRIGGER {table}_append_only ON {table}; DROP TRIGGER {table}_kept ON {table};"
    else:
        rows_are_final = (
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION mamori_refuse_change();"
        )
        back = f"DROP TRIGGER {table}_append_only ON {table};"
    return RunSQL(
        f"{rows_are_final}"
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION mamori_refuse_change();",
        f"{back} DROP TRIGGER {table}_no_truncate ON {table};",
    )


def born_with_header(table: str, *, header: str, key: str) -> RunSQL:
    """Rows of ``table`` may only be inserted in the transaction that made their ``header`` (found by column ``key``)."""
    return RunSQL(
        f"CREATE TRIGGER {table}_born_with_header AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows"
        f" FOR EACH STATEMENT EXECUTE FUNCTION mamori_born_with_header('{header}', '{key}');",
        f"DROP TRIGGER {table}_born_with_header ON {table};",
    )


def audited(
    table: str, *, inserts: bool = True, key: str = "id", columns: Sequence[str] = (), hidden: Sequence[str] = ()
) -> RunSQL:
    """Every change of ``table`` lands in the audit trail. Documents whose own row says who made them skip ``inserts``.

    Of ``hidden`` columns, hashes and sealed secrets, only that they changed is told.

    With ``columns`` only updates that set one of them do: for a row that is a master and carries a running figure with its own ledger.
    """
    arguments = ", ".join(f"'{name}'" for name in (key, *hidden))
    events = ["INSERT"] * inserts + ["UPDATE OF " + ", ".join(columns) if columns else "UPDATE", "DELETE"]
    return RunSQL(
        f"CREATE TRIGGER {table}_audit AFTER {' OR '.join(events)} ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION mamori_audit({arguments});"
        f"CREATE TRIGGER {table}_audit_truncate AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION mamori_audit({arguments});",
        f"DROP TRIGGER {table}_audit ON {table}; DROP TRIGGER {table}_audit_truncate ON {table};",
    )


def never_deleted(table: str) -> RunSQL:
    """Rows of ``table`` may change, each change audited, but a document that existed stays."""
    return RunSQL(
        f"CREATE TRIGGER {table}_never_deleted BEFORE DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION mamori_refuse_change();"
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION mamori_refuse_change();",
        f"DROP TRIGGER {table}_never_deleted ON {table}; DROP TRIGGER {table}_no_truncate ON {table};",
    )
