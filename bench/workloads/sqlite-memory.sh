# A database in memory: inserts, an index, queries.
. "$here/sqlite.sh"
prepare() {
	write_script "$(scaled 200000)"
}
command=(sqlite3 -init script.sql :memory: .quit)
