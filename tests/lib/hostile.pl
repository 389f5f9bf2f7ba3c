#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# usage: hostile.pl DIR GOOD
# Writes archives that an import must refuse into DIR, one from each line that
# begins with "bad": its file name says why.  GOOD is the beginning of the
# names of one snapshot's exports: GOOD.tar, GOOD.tar.zst and GOOD.tar.gz.
use strict;
use warnings;

my ($dir, $good) = @ARGV;
my $made = 0;

sub slurp { open(my $f, '<:raw', $_[0]) or die "$_[0]: $!"; local $/; <$f> }

sub bad
{
	my ($name, @pieces) = @_;
	die "$name: twice" if -e "$dir/$name";
	open(my $f, '>:raw', "$dir/$name") or die "$dir/$name: $!";
	print $f @pieces;
	close($f) or die "$dir/$name: $!";
	$made++;
}

# A header; fields that are given stand as they are, then the checksum.
sub head
{
	my ($name, $size, %o) = @_;
	my $h = pack('a100 a8 a8 a8 a12 a12 a8 a1 a100 a8 a32 a32 a8 a8 a155 a12',
	    $name, $o{mode} // '0000644', $o{uid} // '0000000', '0000000',
	    $o{size} // sprintf('%011o', $size), '00000000000', ' ' x 8,
	    $o{type} // '0', $o{link} // '', $o{magic} // "ustar\00000", '',
	    '', '0000000', '0000000', $o{prefix} // '', '');
	substr($h, $_->[0], length $_->[1]) = $_->[1] for @{ $o{at} // [] };
	my $sum = unpack('%32C*', $h) + ($o{off} // 0);
	substr($h, 148, 8) = $o{sum} // sprintf("%06o\0 ", $sum);
	return $h;
}

sub pad { $_[0] . "\0" x (-length($_[0]) % 512) }
sub ent { my ($name, $data, %o) = @_; head($name, length $data, %o) . pad($data) }
sub fin { "\0" x 1024 }

# PAX records: key and value in turn.
sub rec
{
	my $text = '';
	while (my ($k, $v) = splice(@_, 0, 2)) {
		my $rest = " $k=$v\n";
		my $n = length $rest;
		$n = length($rest) + length($n) for 1 .. 3;
		$text .= "$n$rest";
	}
	return $text;
}
sub pax { ent('PaxHeader/m', rec(@_), type => 'x') }
sub praw { ent('PaxHeader/m', $_[0], type => 'x', @_[1 .. $#_]) }
sub glob_ { ent('PaxHeader/g', rec(@_), type => 'g') }

my $plain = '{"version":1,"config":{"name":""},"files":["m"]}';
sub env { ent('snapshot.json', $_[0] // $plain) }
my $m = ent('m', 'memory');
# An archive of others, all of it good but for what is given.
sub with { env() . join('', @_) . fin() }

# GNU PAX 1.0: size, map, data; the rest are records in place of the usual.
sub sp10
{
	my ($size, $map, $data, @records) = @_;
	@records = ('GNU.sparse.major', 1, 'GNU.sparse.minor', 0,
	    'GNU.sparse.name', 'm', 'GNU.sparse.realsize', $size)
	    unless @records;
	return pax(@records) . ent('GNUSparseFile.0/m', pad($map) . $data);
}
sub sp01 { pax('GNU.sparse.size', $_[0], 'GNU.sparse.numblocks', 1,
	'GNU.sparse.map', $_[1]) . ent('m', $_[2]) }
sub sp00
{
	my ($size, $data, @pairs) = @_;
	return pax('GNU.sparse.size', $size, 'GNU.sparse.numblocks', 1, @pairs)
	    . ent('m', $data);
}
sub coc { pax('COCOON.sparse.map', $_[1], 'COCOON.sparse.size', $_[0])
	. ent('m', $_[2]) }
sub num { sprintf('%011o', $_[0]) . "\0" }
# Old GNU: real size, pairs, more?, then the blocks and data behind it.
sub old
{
	my ($size, $pairs, $more, $rest, $sum) = @_;
	my $at = join '', map { num($_) } @$pairs;
	return head('m', $sum, type => 'S', magic => "ustar  \0",
	    at => [ [ 386, $at ], [ 482, $more ], [ 483, num($size) ] ])
	    . $rest;
}
my $page = 'x' x 4096;

# Names
bad 'name-absolute', with(ent('/m', 'x'));
bad 'name-absolute-prefix', with(ent('m', 'x', prefix => '/etc'));
bad 'name-dotdot', with(ent('../m', 'x'));
bad 'name-dotdot-inside', with(ent('a/../m', 'x'));
bad 'name-dotdot-alone', with(ent('..', 'x'));
bad 'name-dotdot-behind-dot', with(ent('./../m', 'x'));
bad 'name-dot', with(ent('.', 'x'));
bad 'name-dot-slash', with(ent('./', 'x'));
bad 'name-directory', with(ent('a/m', 'x'));
bad 'name-two-dots-slash', with(ent('././m', 'x'));
bad 'name-ends-in-slash', with(ent('m/', 'x'));
bad 'name-empty', with(ent('', 'x'));
bad 'name-newline', with(ent("m\nn", 'x'));
bad 'name-control', with(ent("m\x01", 'x'));
bad 'name-escape', with(ent("\x1b[2J", 'x'));
bad 'name-not-utf8', with(ent("m\xff", 'x'));
bad 'name-pax-dotdot', with(pax('path', '../m') . ent('m', 'x'));
bad 'name-pax-absolute', with(pax('path', '/tmp/m') . ent('m', 'x'));
bad 'name-pax-empty', with(pax('path', '') . ent('m', 'x'));
bad 'name-pax-nul', with(pax('path', "m\0n") . ent('m', 'x'));
bad 'name-pax-huge', with(pax('path', 'm' x 5000) . ent('m', 'x'));
bad 'name-pax-256', with(pax('path', 'm' x 256) . ent('m', 'x'));
bad 'name-long-dotdot', with(ent('././@LongLink', "../m\0", type => 'L') . ent('m', 'x'));
bad 'name-long-huge', with(ent('././@LongLink', 'm' x 70000, type => 'L') . ent('m', 'x'));
bad 'name-long-twice', with(ent('././@LongLink', "m\0", type => 'L') x 2 . ent('m', 'x'));
bad 'name-sparse-dotdot', with(pax('GNU.sparse.major', 1, 'GNU.sparse.minor', 0, 'GNU.sparse.name', '../m', 'GNU.sparse.realsize', 0) . ent('x', "0\n"));
bad 'name-twice', with($m . $m);
bad 'name-twice-with-dot', with($m . ent('./m', 'x'));
bad 'name-twice-by-pax', with($m . pax('path', 'm') . ent('n', 'x'));
bad 'name-twice-sparse', with($m . sp10(4096, "0\n", ''));

# Types
bad 'type-hard-link', with(ent('m', '', type => '1', link => 'snapshot.json'));
bad 'type-hard-link-with-data', with(ent('m', 'x', type => '1', link => '/etc/passwd'));
bad 'type-symbolic-link', with(ent('m', '', type => '2', link => '/etc/passwd'));
bad 'type-link-pax', with(pax('linkpath', '/etc/passwd') . ent('m', 'x'));
bad 'type-character-device', with(ent('m', '', type => '3'));
bad 'type-block-device', with(ent('m', '', type => '4'));
bad 'type-directory', with(ent('m/', '', type => '5'));
bad 'type-directory-dotdot', with(ent('../', '', type => '5'));
bad 'type-directory-with-data', with(ent('./', 'x', type => '5'));
bad 'type-fifo', with(ent('m', '', type => '6'));
bad 'type-volume', with(ent('m', '', type => 'V'));
bad 'type-multivolume', with(ent('m', '', type => 'M'));
bad 'type-dump', with(ent('m', '', type => 'D'));
bad 'type-solaris-at-the-end', with(ent('m', '', type => 'X'));
bad 'type-solaris-link', with(ent('m', rec('linkpath', '/etc'), type => 'X') . $m);
bad 'type-longlink', with(ent('m', '/etc', type => 'K'));
bad 'type-255', with(ent('m', '', type => "\xff"));

# Headers
bad 'head-checksum', with(head('m', 6, off => 1) . pad('memory'));
bad 'head-checksum-empty', with(head('m', 6, sum => ' ' x 8) . pad('memory'));
bad 'head-checksum-letters', with(head('m', 6, sum => 'zzzzzz  ') . pad('memory'));
bad 'head-magic', with(ent('m', 'x', magic => 'tsar '));
bad 'head-noise', env(), join('', map { chr(($_ * 7919) & 255) } 1 .. 512), fin();
bad 'head-text', 'not an archive at all' x 100;
bad 'head-short', substr(env(), 0, 300);
bad 'head-nothing';
bad 'head-one-byte', 'x';
bad 'head-zeros-only', fin();
bad 'head-zero-block-only', "\0" x 512;
bad 'size-negative', with(head('m', 0, size => '-0000000001'));
bad 'size-letters', with(head('m', 0, size => '0000000000x'));
bad 'size-decimal', with(head('m', 0, size => '00000000009'));
bad 'size-beyond-archive', with(head('m', 1 << 20));
bad 'size-8-tib-and-one', with(head('m', 0, size => "\x80\0\0\0\0\0\x08\0\0\0\0\1"));
bad 'size-base256-huge', with(head('m', 0, size => "\x80\x7f" . "\xff" x 10));
bad 'size-base256-negative', with(head('m', 0, size => "\xff" x 12));
bad 'size-base256-beyond', with(head('m', 0, size => "\x80\0\0\0\0\0\0\x80\0\0\0\0"));
bad 'size-pax-letters', with(pax('size', '12x') . $m);
bad 'size-pax-negative', with(pax('size', '-1') . $m);
bad 'size-pax-huge', with(pax('size', '9' x 19) . $m);
bad 'size-pax-overflow', with(pax('size', '9' x 40) . $m);
bad 'size-pax-empty', with(pax('size', '') . $m);
bad 'size-pax-beyond', with(pax('size', 1 << 30) . $m);
bad 'size-pax-more', with(pax('size', 1500) . $m);
bad 'size-pax-blank', with(pax('size', ' 6') . $m);

# PAX
bad 'pax-length-more', with(praw("99 path=m\n") . $m);
bad 'pax-length-less', with(praw("5 path=m\n") . $m);
bad 'pax-length-zero', with(praw("0 path=m\n") . $m);
bad 'pax-length-huge', with(praw("99999999999999999999 path=m\n") . $m);
bad 'pax-length-none', with(praw("path=m\n") . $m);
bad 'pax-length-negative', with(praw("-9 path=m\n") . $m);
bad 'pax-length-plus', with(praw("+10 path=m\n") . $m);
bad 'pax-no-newline', with(praw("10 path=mm") . $m);
bad 'pax-no-equals', with(praw("8 pathm\n") . $m);
bad 'pax-no-key', with(praw("6 =mm\n") . $m);
bad 'pax-zeros', with(praw("\0" x 64) . $m);
bad 'pax-path-twice', with(pax('path', 'm', 'path', 'n') . $m);
bad 'pax-size-twice', with(pax('size', 6, 'size', 7) . $m);
bad 'pax-twice', with(pax('path', 'm') x 2 . $m);
bad 'pax-at-the-end', with($m . pax('path', 'n'));
bad 'pax-above-1-mib', with(praw('1100000 comment=' . 'x' x 1099983 . "\n") . $m);
bad 'pax-claims-1-gib', with(head('PaxHeader/m', 1 << 30, type => 'x') . $m);
bad 'pax-cut', env(), head('PaxHeader/m', 4096, type => 'x'), 'x' x 100;
bad 'global-path', with(glob_('path', 'n') . $m);
bad 'global-size', with(glob_('size', 3) . $m);
bad 'global-sparse', with(glob_('GNU.sparse.major', 1, 'GNU.sparse.minor', 0, 'GNU.sparse.name', 'm', 'GNU.sparse.realsize', 9) . $m);
bad 'global-behind-own', with(pax('path', 'm') . glob_('comment', 'x') . $m);

# Sparse maps
bad 'sparse-order', with(sp10(65536, "2\n8192\n4096\n0\n4096\n", $page x 2));
bad 'sparse-overlap', with(sp10(65536, "2\n0\n8192\n4096\n4096\n", $page x 3));
bad 'sparse-same', with(sp10(65536, "2\n0\n4096\n0\n4096\n", $page x 2));
bad 'sparse-beyond', with(sp10(65536, "1\n65536\n4096\n", $page));
bad 'sparse-across-end', with(sp10(65536, "1\n63488\n4096\n", $page));
bad 'sparse-offset-overflow', with(sp10(65536, "1\n18446744073709547520\n4096\n", $page));
bad 'sparse-length-overflow', with(sp10(65536, "1\n4096\n18446744073709551615\n", $page));
bad 'sparse-billion', with(sp10(65536, "1000000000\n0\n1\n", $page));
bad 'sparse-count-more', with(sp10(65536, "3\n0\n4096\n", $page));
bad 'sparse-count-less', with(sp10(65536, "1\n0\n4096\n8192\n4096\n", $page x 2));
bad 'sparse-count-none', with(sp10(65536, "\n0\n4096\n", $page));
bad 'sparse-count-negative', with(sp10(65536, "-1\n0\n4096\n", $page));
bad 'sparse-sum-less', with(sp10(65536, "1\n0\n4096\n", $page x 2));
bad 'sparse-sum-more', with(sp10(65536, "1\n0\n8192\n", $page));
bad 'sparse-map-letters', with(sp10(65536, "1\n0\nx096\n", $page));
bad 'sparse-map-no-end', with(sp10(65536, '1' . '0' x 511, ''));
bad 'sparse-map-endless', with(sp10(65536, "500000\n" . "0\n" x 400, ''));
bad 'sparse-map-padding', with(sp10(65536, "1\n0\n4096\nx", $page));
bad 'sparse-size-8-tib', with(sp10('8796093022209', "0\n", ''));
bad 'sparse-size-huge', with(sp10('9223372036854775807', "0\n", ''));
bad 'sparse-no-map', with(pax('GNU.sparse.major', 1, 'GNU.sparse.minor', 0, 'GNU.sparse.name', 'm', 'GNU.sparse.realsize', 4096) . ent('x', ''));
bad 'sparse-version-2', with(sp10(0, "0\n", '', 'GNU.sparse.major', 2, 'GNU.sparse.minor', 0, 'GNU.sparse.name', 'm', 'GNU.sparse.realsize', 0));
bad 'sparse-no-minor', with(sp10(0, "0\n", '', 'GNU.sparse.major', 1, 'GNU.sparse.name', 'm', 'GNU.sparse.realsize', 0));
bad 'sparse-no-size', with(sp10(0, "0\n", '', 'GNU.sparse.major', 1, 'GNU.sparse.minor', 0, 'GNU.sparse.name', 'm'));
bad 'sparse-no-name', with(sp10(0, "0\n", '', 'GNU.sparse.major', 1, 'GNU.sparse.minor', 0, 'GNU.sparse.realsize', 0));
bad 'sparse-two-versions', with(sp10(0, "0\n", '', 'GNU.sparse.major', 1, 'GNU.sparse.minor', 0, 'GNU.sparse.name', 'm', 'GNU.sparse.realsize', 0, 'GNU.sparse.map', '0,0'));
bad 'sparse01-odd', with(sp01(65536, '0,4096,8192', $page));
bad 'sparse01-letters', with(sp01(65536, '0,4k', $page));
bad 'sparse01-order', with(sp01(65536, '8192,4096,0,4096', $page x 2));
bad 'sparse01-sum', with(sp01(65536, '0,4096', $page x 2));
bad 'sparse01-beyond', with(sp01(1000, '0,4096', $page));
bad 'sparse01-no-size', with(pax('GNU.sparse.map', '0,4096') . ent('m', $page));
bad 'sparse00-offset-alone', with(sp00(65536, $page, 'GNU.sparse.offset', 0));
bad 'sparse00-length-first', with(sp00(65536, $page, 'GNU.sparse.numbytes', 4096, 'GNU.sparse.offset', 0));
bad 'sparse00-two-offsets', with(sp00(65536, $page, 'GNU.sparse.offset', 0, 'GNU.sparse.offset', 4096, 'GNU.sparse.numbytes', 4096));
bad 'sparse00-overlap', with(sp00(65536, $page x 2, ('GNU.sparse.offset', 0, 'GNU.sparse.numbytes', 4096) x 2));
bad 'cocoon-order', with(coc(65536, '[{"o":8192,"l":4096},{"o":0,"l":4096}]', $page x 2));
bad 'cocoon-overlap', with(coc(65536, '[{"o":0,"l":8192},{"o":4096,"l":4096}]', $page x 3));
bad 'cocoon-negative', with(coc(65536, '[{"o":0,"l":-4096}]', $page));
bad 'cocoon-beyond', with(coc(4096, '[{"o":4096,"l":4096}]', $page));
bad 'cocoon-sum', with(coc(65536, '[{"o":0,"l":4096}]', $page x 2));
bad 'cocoon-null-with-data', with(coc(65536, 'null', $page));
bad 'cocoon-not-json', with(coc(65536, '[{"o":0,"l":4096}', $page));
bad 'cocoon-float', with(coc(65536, '[{"o":0,"l":4.096e3}]', $page));
bad 'cocoon-map-alone', with(pax('COCOON.sparse.map', 'null') . ent('m', ''));
bad 'cocoon-size-alone', with(pax('COCOON.sparse.size', 4096) . ent('m', ''));
bad 'cocoon-size-huge', with(coc('9223372036854775807', 'null', ''));
bad 'cocoon-and-gnu', with(sp10(4096, "0\n", '', 'GNU.sparse.major', 1, 'GNU.sparse.minor', 0, 'GNU.sparse.name', 'm', 'GNU.sparse.realsize', 4096, 'COCOON.sparse.map', 'null', 'COCOON.sparse.size', 4096));
bad 'old-order', with(old(65536, [ 8192, 4096, 0, 4096 ], "\0", $page x 2, 8192));
bad 'old-beyond', with(old(4096, [ 4096, 4096 ], "\0", $page, 4096));
bad 'old-sum', with(old(65536, [ 0, 4096 ], "\0", $page x 2, 8192));
bad 'old-more-and-none', env() . old(65536, [ 0, 4096 ], "\1", '', 4096);
bad 'old-more-noise', with(old(65536, [ 0, 4096 ], "\1", 'z' x 512 . $page, 4096));
bad 'old-size-huge', with(head('m', 0, type => 'S', magic => "ustar  \0", at => [ [ 483, "\x80\x7f" . "\xff" x 10 ] ]));
bad 'old-and-pax', with(pax('COCOON.sparse.map', 'null', 'COCOON.sparse.size', 4096) . old(4096, [], "\0", '', 0));
bad 'schily-alone', with(pax('SCHILY.realsize', 99999) . $m);

# Envelopes
bad 'envelope-missing', $m, fin();
bad 'envelope-twice', env(), $m, env(), fin();
bad 'envelope-nested', ent('a/snapshot.json', $plain), $m, fin();
bad 'envelope-link', ent('snapshot.json', '', type => '2', link => 'm'), $m, fin();
bad 'envelope-huge', env('{"version":1,"config":{"name":""}, "x":"' . 'y' x (1 << 20) . '"}'), fin();
bad 'envelope-claims-1-tib', head('snapshot.json', 0, size => "\x80\0\0\0\0\0\1\0\0\0\0\0"), fin();
bad 'envelope-empty', env(''), $m, fin();
bad 'envelope-not-json', env('snapshot'), $m, fin();
bad 'envelope-text-behind', env("$plain x"), $m, fin();
bad 'envelope-deep', env('{"version":1,"config":{"name":""},"x":' . '[' x 20000 . ']' x 20000 . '}'), $m, fin();
bad 'envelope-version-2', env('{"version":2,"config":{"name":""}}'), $m, fin();
bad 'envelope-no-version', env('{"config":{"name":""}}'), $m, fin();
bad 'envelope-twice-a-member', env('{"version":1,"version":1,"config":{"name":""}}'), $m, fin();
bad 'envelope-name', env('{"version":1,"config":{"name":"../x"},"files":["m"]}'), $m, fin();
bad 'envelope-file-path', env('{"version":1,"config":{"name":""},"files":["../m"]}'), $m, fin();
bad 'envelope-file-itself', env('{"version":1,"config":{"name":""},"files":["snapshot.json"]}'), $m, fin();
bad 'envelope-file-twice', env('{"version":1,"config":{"name":""},"files":["m","m"]}'), $m, fin();
bad 'envelope-file-missing', env('{"version":1,"config":{"name":""},"files":["m","n"]}'), $m, fin();
bad 'envelope-memory-huge', env('{"version":1,"config":{"name":"","memory":9223372036854775807},"files":["m"]}'), $m, fin();
bad 'envelope-memory-negative', env('{"version":1,"config":{"name":"","memory":-1},"files":["m"]}'), $m, fin();
bad 'envelope-storage-differs', env('{"version":1,"config":{"name":"","storage":4096},"files":["cow.raw"]}'), ent('cow.raw', 'short'), fin();
bad 'envelope-trailer-promised', env('{"version":1,"config":{"name":""},"files":["m"],"trailer":true}'), $m, fin();
bad 'digest-wrong', env('{"version":1,"config":{"name":""},"files":["m"],"digests":{"m":{"size":6,"fsverity":"sha256:' . '0' x 64 . '"}}}'), $m, fin();
bad 'digest-size', env('{"version":1,"config":{"name":""},"files":["m"],"digests":{"m":{"size":7,"fsverity":"sha256:' . '0' x 64 . '"}}}'), $m, fin();
bad 'digest-short', env('{"version":1,"config":{"name":""},"files":["m"],"digests":{"m":{"size":6,"fsverity":"sha256:00"}}}'), $m, fin();
bad 'digest-kind', env('{"version":1,"config":{"name":""},"files":["m"],"digests":{"m":{"size":6,"fsverity":"sha512:' . '0' x 64 . '"}}}'), $m, fin();
bad 'digest-upper-case', env('{"version":1,"config":{"name":""},"files":["m"],"digests":{"m":{"size":6,"fsverity":"sha256:' . 'A' x 64 . '"}}}'), $m, fin();
bad 'digest-of-no-file', env('{"version":1,"config":{"name":""},"files":["m"],"digests":{"n":{"size":6,"fsverity":"sha256:' . '0' x 64 . '"}}}'), $m, fin();
bad 'sidecar-not-json', with($m . ent('cocoon.json', 'x'));
bad 'sidecar-role', with($m . ent('cocoon.json', '{"storage_configs":[{"path":"m","ro":false,"serial":"","role":"root"}]}'));

# Trailers: one of ours, taken apart.
my $tar = slurp("$good.tar");
my (@ours, $goes_on);
for (my $at = 0; substr($tar, $at, 1) ne "\0";) {
	my $size = oct(substr($tar, $at + 124, 11));
	my $len = 512 + $size + -$size % 512;
	my $type = substr($tar, $at + 156, 1);
	push(@ours, '') unless $goes_on;
	$ours[-1] .= substr($tar, $at, $len);
	$goes_on = $type eq 'x';
	$at += $len;
}
my $digests = pop @ours;
die "no trailer\n" unless $digests =~ /^snapshot\.digests/;
my ($lines) = substr($digests, 512) =~ /^([^\0]*)/;
my $files = join('', @ours);
sub trail { $files . ent('snapshot.digests', $_[0]) . fin() }
(my $flipped = $lines) =~ s/sha256:(.)/'sha256:' . ($1 eq '0' ? '1' : '0')/e;
my @lines = split(/^/, $lines);
bad 'trailer-missing', $files, fin();
bad 'trailer-twice', $files, $digests, $digests, fin();
bad 'trailer-envelope-digest', trail($flipped);
bad 'trailer-file-digest', trail($lines =~ s/(.)(?= memory)/$1 eq '0' ? '1' : '0'/er);
bad 'trailer-line-missing', trail(join('', @lines[0 .. $#lines - 1]));
bad 'trailer-line-twice', trail($lines . $lines[-1]);
bad 'trailer-line-more', trail($lines . $lines[-1] =~ s/ .*/ zzz/r);
bad 'trailer-envelope-line-missing', trail(join('', @lines[1 .. $#lines]));
bad 'trailer-cut-line', trail(substr($lines, 0, -9));
bad 'trailer-empty', trail('');
bad 'trailer-kind', trail($lines =~ s/sha256/sha512/r);
bad 'trailer-name-path', trail($lines =~ s/ memory/ ..\/memory/r);
bad 'trailer-nul', trail($lines =~ s/ memory/ mem\0ry/r);
bad 'trailer-huge', trail($lines x 40000);
bad 'trailer-file-missing', $ours[0], @ours[2 .. $#ours], $digests, fin();
bad 'trailer-file-more', $files, $m, $digests, fin();
bad 'end-one-block', $files, $digests, "\0" x 512;
bad 'end-none', $files, $digests;
bad 'end-byte-behind', $tar, 'x';
bad 'end-block-behind', $tar, "\0" x 512;
bad 'end-entry-behind', $tar, $m;
bad 'end-archive-behind', $tar, $tar;
bad 'end-gib-of-zeros', $tar, "\0" x (2 << 20);
bad 'end-padding-set', substr($tar, 0, 512 + 511 + 512 * int(oct(substr($tar, 124, 11)) / 512)), 'x', substr($tar, 512 + 512 * int(oct(substr($tar, 124, 11)) / 512) + 512);
bad 'ours-global', ent('PaxHeader/g', rec('comment', 'x'), type => 'g'), $tar;
bad 'ours-unknown-record', pax('VENDOR.key', 'x'), $tar;
bad 'entries-5000', env('{"version":1,"config":{"name":""}}'), map({ ent("m$_", '') } 1 .. 5000), fin();

# Compression
sub packed
{
	my ($how, $data) = @_;
	open(my $f, '>:raw', "$dir/.plain") or die;
	print $f $data;
	close($f);
	my $out = `$how <$dir/.plain 2>/dev/null`;
	unlink("$dir/.plain");
	return $out;
}
sub flip { my ($s, $at) = @_; substr($s, $at, 1) ^= "\x10"; $s }

my $other = with($m);
my $ten_gib = "\x80\0\0\0\0\0\0\2\x80\0\0\0";
for my $p ([ 'gzip', 'gzip -c' ], [ 'xz', 'xz -c' ], [ 'bzip2', 'bzip2 -c' ],
    [ 'lz4', 'lz4 -c' ], [ 'zstd', 'zstd -c --check' ]) {
	my ($n, $how) = @$p;
	my $z = packed($how, $other);
	next if $z eq '';
	bad "$n-cut", substr($z, 0, -5);
	bad "$n-cut-half", substr($z, 0, length($z) / 2);
	bad "$n-head-only", substr($z, 0, 7);
	bad "$n-flip", flip($z, length($z) / 2);
	bad "$n-checksum", flip($z, $n eq 'gzip' ? -6 : $n eq 'xz' ? -36 : -3);
	bad "$n-noise-behind", $z, 'noise';
	bad "$n-noise-behind-zeros", $z, "\0" x 8, 'noise';
	bad "$n-nested", packed($how, $z);
	bad "$n-of-nothing", packed($how, '');
	bad "$n-second-cut", $z, substr($z, 0, 12);
	# 10 GiB of zeros that nobody asked for, and that an envelope claims.
	my $zeros = `head -c 16M /dev/zero | $how`;
	bad "$n-bomb-behind-end", $z, ($zeros) x 640;
	bad "$n-bomb-envelope", packed($how, head('snapshot.json', 0,
	    size => $ten_gib)), ($zeros) x 640;
}
my $z = packed('gzip -c', $other);
bad 'gzip-length', flip($z, -2);
bad 'gzip-flags', substr($z, 0, 3) . "\xe0" . substr($z, 4);
if (-x '/usr/bin/zstd') {
	my $zeros = `head -c 256M /dev/zero | zstd -c --check`;
	bad 'zstd-bomb-claimed-short', packed('zstd -c', env() .
	    head('m', 0, size => $ten_gib)), ($zeros) x 39;
	bad 'zstd-window', "\x28\xb5\x2f\xfd\x00\xf8", "\0" x 64;
	bad 'zstd-reserved-block', "\x28\xb5\x2f\xfd\x04\x40\x07\0\0", "\0" x 64;
	bad 'zstd-dictionary', "\x28\xb5\x2f\xfd\x03\x40\1\2\3\4", "\0" x 64;
	bad 'zstd-skippable-only', "\x50\x2a\x4d\x18\4\0\0\0abcd";
	bad 'zstd-skippable-cut', "\x50\x2a\x4d\x18\xff\xff\xff\x7fabcd";
}

# Ours, compressed: cut and packed anew, damaged, and with more behind.
my ($zst, $gz) = (slurp("$good.tar.zst"), slurp("$good.tar.gz"));
for my $p ([ 'zstd', 'zstd -c', $zst ], [ 'gzip', 'gzip -c', $gz ]) {
	my ($n, $how, $z) = @$p;
	bad "ours-$n-cut", substr($z, 0, -1);
	bad "ours-$n-checksum-flipped", flip($z, -6 + 4 * ($n eq 'zstd'));
	bad "ours-$n-end-missing", packed($how, substr($tar, 0, -1024));
	bad "ours-$n-block-behind", $z, packed($how, "\0" x 512);
	bad "ours-$n-zeros-behind", $z, "\0" x 8;
	bad "ours-$n-second-cut", $z, substr(packed($how, ''), 0, -1);
}

print "$made\n";
