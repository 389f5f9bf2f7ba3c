#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# usage: agent.pl SOCKET [vsock]
# In a guest's place an agent that listens at SOCKET, in the place of the VMM's,
# and runs commands here, in this directory: guest-sync-delimited, guest-ping,
# guest-exec, guest-exec-status and guest-file-open, -close, -read and -write, as
# QEMU's agent does them.  Of filesystems it has two, frozen while there is a
# file "is-frozen" here; a file "freeze-MODE" here is how it does that: refuses,
# none (are frozen), waits (as long as the file is there), bad; "thaw-MODE":
# waits, refuses, fewer.  What it is asked stands in "asked".  vsock: whoever connects asks for port 1234 first.  It
# lives until it is ended.
use strict;
use warnings;
use IO::Socket::UNIX;
use JSON::PP;
use MIME::Base64;
use POSIX ();

my ($path, $vsock) = @ARGV;
my $json = JSON::PP->new->canonical;
my (%runs, $next, %files);

unlink($path);
my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 4)
    or die "$path: $!";
$SIG{PIPE} = 'IGNORE';

sub start
{
	my ($args) = @_;
	my @words = ($args->{path}, @{$args->{arg} // []});
	# A guest is told so who it is; this is no guest.
	return undef if grep { m{>/dev/urandom|/proc/sys/|/etc/ssh/|/etc/machine-id|date -u -s} }
	    @words;
	my $program = $args->{path};
	($program) = grep { -x } map { "$_/$program" } split(/:/, $ENV{PATH})
	    if $program !~ m|/|;
	return undef if !defined($program) || !-x $program;
	my $dir = "run$$." . ++$next;
	mkdir($dir);
	open(my $in, '>:raw', "$dir/in") or die;
	print $in decode_base64($args->{'input-data'} // '');
	close($in);
	my $pid = fork() // die;
	if ($pid == 0) {
		open(STDIN, '<', "$dir/in") or die;
		open(STDOUT, '>', "$dir/out") or die;
		open(STDERR, '>', "$dir/err") or die;
		{ no warnings; exec { $program } @words; }
		POSIX::_exit(127);
	}
	$runs{$pid} = { dir => $dir, keep => $args->{'capture-output'} };
	return $pid;
}

sub slurp { open(my $f, '<:raw', $_[0]) or die; local $/; <$f> // '' }

sub ended
{
	my ($pid) = @_;
	my $run = $runs{$pid} // return undef;
	return { exited => JSON::PP::false } if waitpid($pid, POSIX::WNOHANG) == 0;
	my %end = (exited => JSON::PP::true);
	($? & 127) ? ($end{signal} = $? & 127) : ($end{exitcode} = $? >> 8);
	for my $s ('out', 'err') {
		my $text = slurp("$run->{dir}/$s");
		$end{"$s-data"} = encode_base64($text, '')
		    if $run->{keep} && $text ne '';
	}
	delete $runs{$pid};
	return \%end;
}

sub refuse { { error => { class => 'GenericError', desc => $_[0] } } }

sub file
{
	my ($what, $args) = @_;
	if ($what eq 'open') {
		my $way = $args->{mode} eq 'w' ? '>:raw' : '<:raw';
		open(my $f, $way, $args->{path})
		    or return refuse("failed to open file '$args->{path}'");
		$files{++$next} = $f;
		return { return => $next };
	}
	my $f = $files{$args->{handle}}
	    // return refuse("handle '$args->{handle}' has not been found");
	if ($what eq 'read') {
		my $n = read($f, my $text, $args->{count});
		return { return => { count => $n,
		    'buf-b64' => encode_base64($text, ''),
		    eof => eof($f) ? JSON::PP::true : JSON::PP::false } };
	} elsif ($what eq 'write') {
		my $text = decode_base64($args->{'buf-b64'});
		print $f $text;
		return { return => { count => length($text),
		    eof => JSON::PP::false } };
	}
	close($f);
	delete $files{$args->{handle}};
	return { return => {} };
}

sub mode { -e "$_[0]-$_[1]" }

sub wait_for_mode
{
	select(undef, undef, undef, 0.02) while mode($_[0], 'waits');
}

sub freeze
{
	return refuse('it will not') if mode('freeze', 'refuses');
	return { return => JSON::PP::false } if mode('freeze', 'bad');
	return { return => 0 } if mode('freeze', 'none');
	wait_for_mode('freeze');
	open(my $f, '>', 'is-frozen') or die;
	return { return => 2 };
}

sub thaw
{
	return refuse('it will not') if mode('thaw', 'refuses');
	wait_for_mode('thaw');
	my $n = unlink('is-frozen') ? mode('thaw', 'fewer') ? 1 : 2 : 0;
	return { return => $n };
}

sub answer
{
	my ($question) = @_;
	my $command = $question->{execute};
	my $args = $question->{arguments} // {};
	open(my $asked, '>>', 'asked') or die;
	print $asked "$command\n";
	close($asked);
	return { return => -e 'is-frozen' ? 'frozen' : 'thawed' }
	    if $command eq 'guest-fsfreeze-status';
	return freeze() if $command eq 'guest-fsfreeze-freeze';
	return thaw() if $command eq 'guest-fsfreeze-thaw';
	return refuse("Command $command has been disabled: the agent is in " .
	    'frozen state') if -e 'is-frozen';
	return { return => {} } if $command eq 'guest-ping';
	if ($command eq 'guest-exec') {
		my $pid = start($args);
		return refuse("Failed to execute child process \"$args->{path}\"")
		    if !defined($pid);
		return { return => { pid => $pid } };
	}
	if ($command eq 'guest-exec-status') {
		my $end = ended($args->{pid});
		return refuse("PID $args->{pid} does not exist")
		    if !defined($end);
		return { return => $end };
	}
	return file($1, $args) if $command =~ /^guest-file-(.*)/;
	return { error => { class => 'CommandNotFound',
	    desc => "The command $command has not been found" } };
}

while (1) {
	my $client = $listener->accept() or next;
	if (defined($vsock)) {
		my $line = <$client> // '';
		next if $line ne "CONNECT 1234\n";
		print $client "OK 1073741824\n";
		$client->flush();
	}
	while (my $line = <$client>) {
		my $lead = $line =~ s/^\xff//
		    ? $json->encode(refuse('stray')) . "\n" : '';
		my $question = eval { $json->decode($line) };
		my $reply;
		if (!defined($question)) {
			$reply = $json->encode(refuse('no JSON')) . "\n";
		} elsif ($question->{execute} eq 'guest-sync-delimited') {
			$reply = "\xff" . $json->encode({
			    return => $question->{arguments}{id} }) . "\n";
		} else {
			$reply = $json->encode(answer($question)) . "\n";
		}
		print $client $lead . $reply;
		$client->flush();
	}
}
