# A database in a file: inserts, an index, queries.
. "$here/sqlite.sh"
prepare() {
	write_script "$(scaled 200000)"
}
reset() {
	rm -f data.db
}
command=(sqlite3 -init script.sql data.db .quit)
