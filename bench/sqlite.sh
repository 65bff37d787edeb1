# What the workloads with sqlite share. write_script ROWS: inserts, an index, queries.
needs=sqlite3
write_script() {
	cat >script.sql <<-end
		CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT, v REAL);
		BEGIN;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO t SELECT i, printf('key-%d', (i * 7919) % 100003), i / 8.0 FROM n;
		COMMIT;
		CREATE INDEX t_k ON t(k);
		SELECT count(*), sum(v), min(k), max(k) FROM t;
		SELECT count(*) FROM t a JOIN t b ON a.k = b.k WHERE a.id % 10 = 0;
	end
}
