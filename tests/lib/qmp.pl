#! /usr/bin/env perl
# SPDX-License-Identifier: ISC
# usage: qmp.pl DIR <COMMANDS: each line a JSON command is sent to qmp.sock of the
# directory, and of its answer "done" or what the error says is printed.
use strict;
use warnings;
use IO::Socket::UNIX;

chdir $ARGV[0] or die "$ARGV[0]: $!\n";
my $monitor = IO::Socket::UNIX->new(Peer => 'qmp.sock') or die "qmp.sock: $!\n";

# The next answer; events are passed over.
sub answer
{
	while (my $line = <$monitor>) {
		return $1 if $line =~ /"desc": "((?:[^"\\]|\\.)*)"/;
		return 'done' if $line =~ /"return":/;
	}
	die "the monitor was closed\n";
}

my $greeting = <$monitor>;
print $monitor "{\"execute\": \"qmp_capabilities\"}\n";
answer();
while (my $command = <STDIN>) {
	print $monitor $command;
	print answer(), "\n";
}
