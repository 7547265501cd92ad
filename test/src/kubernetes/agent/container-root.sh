# Runs in mount and process namespaces of its own: builds the root folder that a container sees, then becomes its program.
# Arguments: ROOT READ_ONLY PATH, then triples `bind|read SOURCE TARGET`, then `--` and what setpriv is given.
set -eu
root=$1 read_only=$2 path=$3
shift 3
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount_all() {
  while [ "$1" != -- ]; do
    target=$root/${3#/}
    if [ -d "$2" ]; then mkdir -p "$target"; else mkdir -p "$(dirname "$target")" && : >> "$target"; fi
    mount --rbind "$2" "$target"
    shift 3
  done
}

# Only when all are there: a place to mount may lie inside another mount.
lock_all() {
  while [ "$1" != -- ]; do
    if [ "$1" = read ]; then mount -o remount,bind,ro "$root/${3#/}"; fi
    shift 3
  done
}

mount -t tmpfs -o mode=755 image "$root"
cd "$root"
mkdir -p usr etc proc dev/shm tmp run var/tmp
chmod 1777 tmp var/tmp
mount --rbind /usr usr && mount -o remount,bind,ro usr
for folder in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$folder" ]; then cp -a "/$folder" "$folder"
  elif [ -d "/$folder" ]; then mkdir "$folder" && mount --rbind "/$folder" "$folder" && mount -o remount,bind,ro "$folder"; fi
done
for file in passwd group nsswitch.conf host.conf ld.so.cache localtime; do
  if [ -e "/etc/$file" ]; then cp -L "/etc/$file" "etc/$file"; fi
done
if [ -d /etc/ssl ]; then mkdir etc/ssl && mount --rbind /etc/ssl etc/ssl && mount -o remount,bind,ro etc/ssl; fi
for device in null zero full random urandom tty; do : > "dev/$device" && mount --bind "/dev/$device" "dev/$device"; done
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s /proc/self/fd dev/fd
mount -t proc proc proc
mount_all "$@"
lock_all "$@"
while [ "$1" != -- ]; do shift 3; done
shift
if [ "$read_only" = true ]; then mount -o remount,ro "$root"; fi
chroot=$(command -v chroot)
setpriv=$(command -v setpriv)
cd /
unset PWD OLDPWD
PATH=$path
exec "$chroot" "$root" "$setpriv" "$@"
