# SPDX-License-Identifier: ISC
# give.pl N ADDRESS COMMAND...: runs the command with N sockets that listen, from
# descriptor 3 on, as sd_listen_fds(3) has it.  A path, or ADDRESS:PORT.
use strict;
use warnings;
use Fcntl;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();

my ($n, $at, @argv) = @ARGV;
my $s = $at =~ m{/}
    ? IO::Socket::UNIX->new(Local => $at, Listen => 9)
    : IO::Socket::INET->new(LocalAddr => $at, Listen => 9);
$s or die "$at: $!\n";
for my $fd (3 .. 2 + $n) {
	next if $fd == fileno($s);
	POSIX::dup2(fileno($s), $fd) // die "dup2: $!\n";
}
# What is at 3 is closed by exec, unless it is told not to be.
if (fileno($s) == 3) {
	fcntl($s, F_SETFD, 0) or die "fcntl: $!\n";
}
$ENV{LISTEN_PID} = $$;
$ENV{LISTEN_FDS} = $n;
exec @argv or die "$argv[0]: $!\n";
