#! /usr/bin/env perl
# SPDX-License-Identifier: ISC
# usage: qmp.pl [--leave FILE] DIR <COMMANDS: each line a JSON command is sent to
# qmp.sock of the directory, and of its answer "done" or what the error says is
# printed.  With --leave it does not wait for the answer to the last: it goes
# when the command has begun to write the file, which is beneath DIR.
use strict;
use warnings;
use IO::Socket::UNIX;

my ($option, $file) = @ARGV == 3 ? splice(@ARGV, 0, 2) : ();
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

# A minute at most.
sub wait_for_file
{
	for (1 .. 6000) {
		return if -s $file;
		select undef, undef, undef, 0.01;
	}
	die "$file: not written\n";
}

my $greeting = <$monitor>;
print $monitor "{\"execute\": \"qmp_capabilities\"}\n";
answer();
my @commands = <STDIN>;
while (my $command = shift @commands) {
	print $monitor $command;
	if ($file && !@commands) {
		wait_for_file();
		last;
	}
	print answer(), "\n";
}
