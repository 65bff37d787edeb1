#!/bin/sh
# Print a C program of about LINES lines: functions with loops, branches, structs and tables, all
# called from main, which prints a checksum.
lines=${1:-5000}
awk -v functions=$((lines / 20)) 'BEGIN {
	print "#include <stdio.h>\n#include <string.h>\n"
	print "struct item { int key; double weight; char name[16]; struct item *next; };\n"
	for (f = 0; f < functions; f++) {
		printf "static unsigned int f%d(unsigned int x, struct item *it)\n{\n", f
		printf "\tstatic const int table[] = {%d, %d, %d, %d, %d};\n", f, f * 7 % 31, f * 3 % 17, f % 5, f * 11 % 97
		print "\tunsigned int sum = x;\n"
		printf "\tfor (int i = 0; i < %d; i++) {\n", 5 + f % 13
		printf "\t\tsum = sum * %du + table[i %% 5];\n", 2 * f + 1
		printf "\t\tif (sum & %d)\n\t\t\tit->key ^= sum >> %d;\n", 1 + f % 64, f % 7
		print "\t\telse"
		print "\t\t\tit->weight += sum * 0.5;"
		print "\t}"
		printf "\tswitch (sum %% 4) {\n\tcase 0:\n\t\treturn sum + it->key;\n\tcase 1:\n\t\tit->name[sum %% 15] = (char)(97 + %d);\n\t\tbreak;\n\t}\n", f % 26
		print (f ? sprintf("\treturn f%d(sum ^ %d, it);", f - 1, f) : "\treturn sum;")
		print "}\n"
	}
	print "int main(void)\n{\n\tstruct item it = {0};\n\tunsigned int sum = 0;\n"
	for (f = 0; f < functions; f += 10)
		printf "\tsum += f%d(%d, &it);\n", f, f
	print "\tprintf(\"%u %d %s\\n\", sum, it.key, it.name);\n\treturn 0;\n}"
}'
