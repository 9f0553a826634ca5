-- The tables that this example replicates: psql "$CRM_URL" -f setup.sql
CREATE TABLE customers (
  customer_id bigint PRIMARY KEY,
  name text NOT NULL,
  balance numeric(12, 2),
  updated_at timestamptz NOT NULL
);
INSERT INTO customers
SELECT n, 'Customer ' || n, n / 4.0, timestamptz '2026-01-01 00:00:00.000001Z' + n * interval '1 minute'
FROM generate_series(1, 2000) AS n;

-- No primary key: the job names one.
CREATE TABLE invoices (invoice_id bigint, line_no int, total numeric, updated_at timestamptz);
INSERT INTO invoices
SELECT n / 3, n % 3, n * 1.1 - 10, timestamptz '2026-01-01Z' + n * interval '1 second'
FROM generate_series(0, 999) AS n;

-- Changes without a trace of when: it is replaced as a whole.
CREATE TABLE countries (code char(2) PRIMARY KEY, name text);
INSERT INTO countries VALUES ('DE', 'Germany'), ('FR', 'France'), ('JP', 'Japan');

CREATE TABLE audit_log (at timestamptz, what text);
INSERT INTO audit_log VALUES (now(), 'not for the warehouse');

-- A table for each month of three years, and one for what comes later: 37 more.
DO $$
DECLARE
  name text;
BEGIN
  FOR i IN 0..36 LOOP
    name := CASE WHEN i = 36 THEN 'sales_later' ELSE 'sales_' || to_char(date '2023-01-01' + i * interval '1 month', 'YYYY_MM') END;
    EXECUTE format('CREATE TABLE %I (sale_id bigint PRIMARY KEY, amount numeric(12, 2), updated_at timestamp)', name);
    EXECUTE format('INSERT INTO %I SELECT n, n * 1.25, timestamp ''2026-01-01'' + n * interval ''1 hour'' FROM generate_series(1, %s) AS n', name, 10 + i);
  END LOOP;
END $$;
