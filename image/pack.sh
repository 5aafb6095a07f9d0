# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # UNFINISHED, SOURCE, WORK: of build.sh, which sources this
# The tree as one file. Its name is there when it is whole, with its checksum.

# finish FILE PACKER: `PACKER TREE FILE.new`, then the name.
finish() {
    local file=$1 new=$1.new
    UNFINISHED=("$new" "$file.sha256.new")
    say "packing ${file##*/}"
    "$2" "$WORK/tree" "$new"
    (cd "${file%/*}" && sha256sum "${new##*/}") | sed 's/\.new$//' >"$file.sha256.new"
    # The checksum of what was there goes first: never one beside another file.
    rm -f "$file.sha256"
    mv "$new" "$file"
    mv "$file.sha256.new" "$file.sha256"
    say "$file ($(numfmt --to=iec "$(stat -c %s "$file")"))"
}

# _tar TREE → on stdout: names in order, no time younger than the image, owners by number, and of
# extended attributes those that make a difference (the capabilities of ping).
_tar() {
    tar --create --directory="$1" --sort=name --format=posix --numeric-owner --one-file-system \
        --mtime="@$SOURCE_DATE_EPOCH" --clamp-mtime --xattrs --xattrs-include=security.capability \
        --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' .
}

# _packed TREE → WORK/packed: also the one layer of the OCI image.
_packed() {
    [ -e "$WORK/packed" ] || _tar "$1" | gzip -n >"$WORK/packed"
}

pack_tarball() {
    _packed "$1"
    cp --reflink=auto "$WORK/packed" "$2"
}

pack_oci() {
    _packed "$1"
    /usr/bin/python3 "$SOURCE/image/oci.py" --layer "$WORK/packed" --version "$(aios_version)" \
        --base "$(os_release "$1" PRETTY_NAME)" --time "$SOURCE_DATE_EPOCH" \
        --machine "$(uname -m)" "$2"
}

# An ext4 file system without a partition table: nspawn boots it, and it grows by resize2fs alone.
pack_disk() {
    local size seed
    command -v mkfs.ext4 >/dev/null || die "there is no mkfs.ext4 here" "It is in the package e2fsprogs."
    # mkfs takes files as the directory has them, which depends on the file system that it is in. A
    # new tmpfs has them as they were made: as they are in the archive.
    _tar "$1" >"$WORK/archive"
    mkdir "$WORK/sorted"
    size=$(($(stat -c %s "$WORK/archive") / 1048576))
    seed=$(printf 'aios %s' "$SOURCE_DATE_EPOCH" | sha256sum |
        sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/')
    truncate -s "$((size + size / 2 + 256))M" "$2"
    # The mount is this shell's own, and ends with it.
    # shellcheck disable=SC2016 # the inner shell's
    quietly "$AIOS_CACHE/image.log" unshare --mount bash -euc '
        mount -t tmpfs -o mode=0755,size=4G tmpfs "$1/sorted"
        tar --extract --file="$1/archive" --directory="$1/sorted" --numeric-owner --xattrs \
            --xattrs-include=security.capability --preserve-permissions
        E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mkfs.ext4 -q -L aios -U "$2" -E "hash_seed=$2,lazy_itable_init=0,lazy_journal_init=0" \
            -d "$1/sorted" "$3"' bash "$WORK" "$seed" "$2"
    _set_times "$2"
    e2fsck -fn "$2" >"$AIOS_CACHE/image.log" 2>&1 || die "the file system is damaged" "$AIOS_CACHE/image.log says how."
}

# When an inode was made and changed is when mkfs was run: it is set to the image's own time. They
# are used from the first on.
_set_times() {
    local used
    used=$(dumpe2fs -h "$1" 2>/dev/null |
        awk '/^Inode count:/ { all = $3 } /^Free inodes:/ { free = $3 } END { print all - free }')
    seq "$used" | awk -v time="@$SOURCE_DATE_EPOCH" '{
        for (field = 1; field <= 3; field++)
            print "set_inode_field <" $1 ">", (field == 1 ? "ctime" : field == 2 ? "crtime" : "atime"), time
    }' | E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH debugfs -w -f - "$1" >/dev/null 2>&1
}
