#! /usr/bin/perl
# SPDX-License-Identifier: ISC
# usage: random_files.pl make SEED DIR | map DIR
# make: files of every shape into DIR, the same for the same seed; their names
# on stdout.  map: each file, its size, its data and where blocks of it are not
# all zeros; with "holes" behind DIR where the filesystem has data, instead.
use strict;
use warnings;

use constant BLOCK => 4096;

# Holes, and runs whose bytes are none of them zero, in blocks and beside them.
sub make_file {
	my ($path, $runs, $max) = @_;
	open(my $to, '>', $path) or die "$path: $!";
	my $at = 0;
	for (1 .. $runs) {
		$at += int(rand($max));
		$at -= $at % BLOCK if rand() < 0.7;
		my $len = 1 + int(rand($max));
		$len += BLOCK - $len % BLOCK if rand() < 0.7;
		sysseek($to, $at, 0);
		my $byte = chr(1 + int(rand(255)));
		syswrite($to, $byte x ($len - 1) . 'z') == $len or die $!;
		$at += $len;
	}
	$at += int(rand($max)) if rand() < 0.5;
	truncate($to, $at) or die $!;
	close($to) or die $!;
}

sub make_name {
	my @set = ('a' .. 'z', 'A' .. 'Z', 0 .. 9, qw(_ - + . @ = % ~));
	my $len = rand() < 0.2 ? 95 + int(rand(156)) : 1 + int(rand(20));
	return 'f' . join('', map { $set[int(rand(@set))] } 1 .. $len);
}

sub make {
	my ($seed, $dir) = @_;
	my %seen;
	srand($seed);
	for (1 .. 1 + int(rand(8))) {
		my $name = make_name();
		next if $seen{lc $name}++;
		my $runs = rand() < 0.15 ? 0 : int(rand(rand() < 0.2 ? 300 : 12));
		make_file("$dir/$name", $runs, rand() < 0.5 ? 20000 : 200000);
		print "$name\n";
	}
}

# [off, end) of data as the filesystem has it: lseek(2), SEEK_DATA, SEEK_HOLE.
sub data_of {
	my ($from, $size) = @_;
	my ($at, @runs) = (0);
	while ($at < $size) {
		my $data = sysseek($from, $at, 3) // last;
		my $hole = sysseek($from, $data, 4) // $size;
		$hole = int(($hole + BLOCK - 1) / BLOCK) * BLOCK;
		push @runs, ($data - $data % BLOCK) . "-$hole";
		$at = $hole;
	}
	return @runs;
}

sub blocks_of {
	my ($from, $size) = @_;
	my ($at, $start, @runs) = (0);
	sysseek($from, 0, 0);
	for (; $at < $size; $at += BLOCK) {
		sysread($from, my $block, BLOCK) // die $!;
		my $zero = $block !~ /[^\0]/;
		$start = $at if !$zero && !defined $start;
		next if !$zero || !defined $start;
		push @runs, "$start-$at";
		undef $start;
	}
	push @runs, "$start-$at" if defined $start;
	return @runs;
}

sub map_dir {
	my ($dir, $what) = @_;
	opendir(my $names, $dir) or die "$dir: $!";
	for my $name (sort grep { /^f/ } readdir $names) {
		open(my $from, '<', "$dir/$name") or die "$dir/$name: $!";
		my $size = -s $from;
		my @runs = $what ? data_of($from, $size)
				 : blocks_of($from, $size);
		print "$name $size @runs\n";
	}
}

my $verb = shift // '';
if ($verb eq 'make' && @ARGV == 2) {
	make(@ARGV);
} elsif ($verb eq 'map' && @ARGV >= 1) {
	map_dir(@ARGV);
} else {
	die "usage: random_files.pl make SEED DIR | map DIR [holes]\n";
}
