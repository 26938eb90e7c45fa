#!/usr/bin/env bash
# Starts the database servers that tests talk to, where nothing listens on their usual ports: PostgreSQL on 5432
# (every local user is trusted) and MariaDB on 3306 (root without a password). For machines that are thrown away.
set -euo pipefail

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

wait_for() {
    for _ in $(seq 150); do
        listens "$1" && return 0
        sleep 0.2
    done
    echo "nothing listens on port $1 after 30 s" >&2
    return 1
}

start_postgresql() {
    local version
    version=$(ls /etc/postgresql | sort -n | tail -n 1)
    # PostgreSQL refuses to run as root; its cluster runs as the user that Debian made for it.
    printf 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n' \
        >"/etc/postgresql/$version/main/pg_hba.conf"
    pg_conftool "$version" main set port 5432
    pg_ctlcluster --skip-systemctl-redirect "$version" main start
    wait_for 5432
}

start_mariadb() {
    install -d -o mysql -g mysql /run/mysqld
    start-stop-daemon --start --oknodo --background --exec /usr/sbin/mariadbd -- --user=mysql
    wait_for 3306
    # Debian lets root in by the socket only.
    mariadb --execute "ALTER USER root@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('')"
}

listens 5432 || start_postgresql
listens 3306 || start_mariadb
