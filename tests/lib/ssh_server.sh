# SPDX-License-Identifier: ISC
# In a guest's place an ssh server of the tests' own, for who waits for one.

# server NAME TEXT [SECONDS]: says TEXT to whoever connects, SECONDS after the
# start at the earliest.  Its port is in NAME.port, a dot for each connection in
# NAME.count.
server()
{
	perl -e '
	use IO::Socket::INET;
	use IO::Select;
	use Time::HiRes qw(time);
	my ($name, $text, $at) = (@ARGV, 0);
	$at += time;
	my $s = IO::Socket::INET->new(Listen => 20, LocalAddr => "127.0.0.1")
	    or die;
	open(my $f, ">", "$name.new");
	print $f $s->sockport, "\n";
	close($f);
	rename("$name.new", "$name.port");
	open(my $count, ">", "$name.count");
	$count->autoflush(1);
	my $all = IO::Select->new($s);
	my @new;
	$SIG{PIPE} = "IGNORE";
	for (;;) {
		for my $r ($all->can_read(0.02)) {
			if ($r == $s) {
				my $c = $s->accept;
				$all->add($c);
				push @new, $c;
				print $count ".";
			} elsif (!sysread($r, my $b, 4096)) {
				$all->remove($r);
				close($r);
			}
		}
		next if time < $at;
		syswrite($_, $text) for splice(@new);
	}' "$@" &
	echo $! >"$1.pid"
	eventually 10 test -e "$1.port" || atf_fail "no server $1"
}

# lead VM PORT: where its forward leads, as far as its record says.
lead()
{
	record=$INSTAR_ROOT/name/vm/$1/vm.json
	jq ".network_configs[0].forward[0].host_port = $2" "$record" >led ||
	    atf_fail "jq: $2"
	# In one step, as a tool would: vm-ssh may read it just now.
	mv led "$record"
}
