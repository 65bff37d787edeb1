#!/bin/sh
# The bytes of a file as C. usage: embed.sh FILE NAME
cat <<END
extern const unsigned char $2[];
extern const unsigned long $2_size;
const unsigned char $2[] __attribute__((aligned(16))) = {
$(od -An -v -tx1 "$1" | sed 's/ \(..\)/0x\1,/g')
};
const unsigned long $2_size = sizeof($2);
END
