#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# usage: guest_tars.pl DIR
# Writes tar archives into DIR that a guest might send for the file "x", and that
# vm-copy must refuse: each file's name says why.
use strict;
use warnings;

my ($dir) = @ARGV;

# An entry: name, type, and what else is not as usual.
sub entry
{
	my ($name, $type, %o) = @_;
	my $data = $o{data} // '';
	my $h = pack('a100 a8 a8 a8 a12 a12 a8 a1 a100 a6 a2 a32 a32 a8 a8 a155 a12',
	    $name, $o{mode} // '0000644', '0000000', '0000000',
	    $o{size} // sprintf('%011o', length($data)), '00000000000',
	    ' ' x 8, $type, $o{to} // '', "ustar\0", '00', '', '', '0000000',
	    '0000000', '', '');
	substr($h, 148, 8) = sprintf("%06o\0 ", unpack('%32C*', $h));
	return $h . $data . "\0" x (-length($data) % 512);
}

sub write_to
{
	my ($name, @pieces) = @_;
	open(my $f, '>:raw', "$dir/$name") or die "$dir/$name: $!";
	print $f @pieces;
	close($f) or die;
}

my $end = "\0" x 1024;
my $d = entry('x', 5, mode => '0000755');

write_to('other_name', entry('y', 0, data => 'y'), $end);
write_to('absolute', entry('/x', 0, data => 'y'), $end);
write_to('parent', $d, entry('x/../../evil', 0, data => 'y'), $end);
write_to('parent_first', entry('../x', 0, data => 'y'), $end);
write_to('dot', $d, entry('x/./evil', 0, data => 'y'), $end);
write_to('by_symlink', $d, entry('x/l', 2, to => '/tmp'),
    entry('x/l/evil', 0, data => 'y'), $end);
write_to('top_symlink', entry('x', 2, to => '/tmp'),
    entry('x/evil', 0, data => 'y'), $end);
write_to('hard_link_out', $d, entry('x/l', 1, to => '/etc/passwd'), $end);
write_to('hard_link_up', $d, entry('x/l', 1, to => 'x/../../secret'), $end);
write_to('hard_link_to_symlink', $d, entry('x/s', 2, to => '/etc/passwd'),
    entry('x/l', 1, to => 'x/s'), $end);
write_to('hard_link_to_nothing', $d, entry('x/l', 1, to => 'x/none'), $end);
write_to('device', entry('x', 3), $end);
write_to('pipe', entry('x', 6), $end);
write_to('twice', entry('x', 0, data => '1'), entry('x', 0, data => '2'), $end);
write_to('dir_over_symlink', $d, entry('x/l', 2, to => '/tmp'),
    entry('x/l', 5), entry('x/l/evil', 0, data => 'y'), $end);
write_to('no_parent', entry('x/y/z', 0, data => 'y'), $end);
write_to('name_with_newline', $d, entry("x/a\nb", 0, data => 'y'), $end);
write_to('name_no_utf8', $d, entry("x/\xff", 0, data => 'y'), $end);
write_to('cut', entry('x', 0, size => '00000010000', data => 'short'));
write_to('nothing', $end);
write_to('empty', '');
write_to('noise', 'noise' x 500);
write_to('too_large', entry('x', 0,
    size => "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", data => 'y'), $end);
write_to('negative', entry('x', 0, size => "\xff" x 12, data => 'y'), $end);
