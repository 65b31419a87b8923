#!/bin/bash
# The trivial client: fills a registry with the blobs of an extracted OCI layout, two requests each, by curl alone.
# Nothing is checked, hashed or asked for; no manifests, no tags. What no client can be faster than.
#
#     bench/trivial-push.sh HOST LAYOUT [CONNECTIONS]
set -eu
host=$1 blobs=$2/blobs/sha256 connections=${3:-8}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
quiet='silent\nshow-error\nfail\noutput = /dev/null\n'

# Largest first, as everybody does it.
ls -S "$blobs" > "$work/names"
separator=
while read -r name; do
  printf "$separator"'url = "http://%s/v2/bench/limit/blobs/uploads/"\nrequest = POST\ndata = ""\ndump-header = "%s"\n'"$quiet" \
    "$host" "$work/$name"
  separator='next\n'
done < "$work/names" > "$work/post"
curl --parallel --parallel-max "$connections" --config "$work/post"

separator=
while read -r name; do
  location=$(sed -n 's/^[Ll]ocation: \(.*\)\r$/\1/p' "$work/$name")
  printf "$separator"'url = "%s&digest=sha256:%s"\nupload-file = "%s"\nheader = "expect:"\n'"$quiet" \
    "$location" "$name" "$blobs/$name"
  separator='next\n'
done < "$work/names" > "$work/put"
curl --parallel --parallel-max "$connections" --config "$work/put"
