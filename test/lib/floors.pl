#!/usr/bin/perl
# Checks the floors of src/: a folder includes only folders that stand below it.
#
#   perl test/lib/floors.pl src
#
# It prints each line that breaks a rule and ends with status 1 when there is one. The rules:
#   - base includes no other folder of ours; core and net include base, and not each other; calls includes base, core
#     and net; pg includes all of them. Nobody includes precompiled, which the Makefile gives to the compiler.
#   - Inside src/pg the folders of @FLOORS stand on each other: a folder includes itself and the ones named before it.
#     Two folders of one floor do not know each other. Only init and hooks stand directly in src/pg.
#   - No two folders include each other, directly or over others.
#   - The path of an include begins at src, so that these rules can see where it leads.
#   - No two files of src have the same name, so that a name leads to one file.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Find;

my %LAYERS = (
    base        => [qw(base)],
    core        => [qw(base core third_party)],
    net         => [qw(base net third_party)],
    calls       => [qw(base core net calls)],
    pg          => [qw(base core net calls pg)],
    third_party => [qw(third_party)],
    precompiled => [qw(precompiled pg)],
);
my @FLOORS = (
    [qw(server)],
    [qw(flow_options)],
    [qw(store endpoints)],
    [qw(shared)],
    [qw(rights turn)],
    [qw(starts inspect identity policies)],
    [qw(control failure_flows leases records callbacks triggers)],
    [qw(tasks)],
    [qw(events)],
    [qw(activities approvals child_flows schedules sql_steps)],
    [qw(resources ddl_events)],
    [qw(evaluation)],
    [qw(limits)],
    [qw(engine flows)],
    [qw(map_runs)],
    [qw(processes)],
);
my %floor;
for my $level (0 .. $#FLOORS) { $floor{$_} = $level for @{ $FLOORS[$level] } }

my $root = (shift // die "usage: floors.pl SRC\n") =~ s{/+$}{}r;
my @problems;
my (%edges, %names);

find({ no_chdir => 1, wanted => sub { read_file($_) if /\.[ch]pp$/ } }, $root);
push @problems, map { "two files are called $_: @{ $names{$_} }" } grep { @{ $names{$_} } > 1 } sort keys %names;
find_cycles();
print "$_\n" for @problems;
exit(@problems ? 1 : 0);

sub read_file {
    my ($file) = @_;
    my $path = substr $file, length($root) + 1;
    my ($layer, @rest) = split m{/}, $path;
    if (!@rest) {
        push @problems, "$path: every file of src stands in a folder";
        return;
    }
    push @{ $names{ $rest[-1] } }, $path;
    my $room = $layer eq 'pg' ? $rest[0] : undef;
    if ($layer eq 'pg' && @rest == 1) {
        push @problems, "$path: only init and hooks stand directly in src/pg" unless $rest[0] =~ /^(init|hooks)\./;
        $room = undef;
    } elsif ($layer eq 'pg' && !exists $floor{$room}) {
        push @problems, "$path: the folder $room stands on no floor (test/lib/floors.pl)";
    }
    open my $in, '<', $file or die "$file: $!\n";
    while (my $line = <$in>) {
        my ($included) = $line =~ m{^\s*#\s*include\s*"([^"]+)"} or next;
        if ($included =~ m{^(?:base|core|net|calls|pg|third_party|precompiled)/}) {
            check($path, $layer, $room, $included, $.);
        } elsif (-e dirname($file) . "/$included") {
            push @problems, "$path:$.: the path of an include begins at src ($included)";
        }
    }
}

sub check {
    my ($path, $layer, $room, $included, $number) = @_;
    my ($to_layer, @to) = split m{/}, $included;
    push @problems, "$path:$number: $layer may not include $to_layer ($included)"
        unless grep { $_ eq $to_layer } @{ $LAYERS{$layer} // [] };
    if ($layer eq 'pg' && $to_layer eq 'pg') {
        my $to_room = @to > 1 ? $to[0] : undef;
        if (defined $room && !defined $to_room) {
            push @problems, "$path:$number: $room may not include what stands on top of it ($included)";
        } elsif (defined $room && $room ne $to_room && ($floor{$to_room} // @FLOORS) >= ($floor{$room} // @FLOORS)) {
            push @problems, "$path:$number: $room may not include $to_room, which does not stand below it ($included)";
        }
    }
    my $from_folder = folder_of($path);
    my $to_folder = folder_of($included);
    $edges{$from_folder}{$to_folder} //= "$path:$number" if $from_folder ne $to_folder;
}

sub folder_of {
    my ($path) = @_;
    return $path =~ s{/[^/]+$}{}r;
}

# A folder that reaches itself over others is part of a circle.
sub find_cycles {
    for my $start (sort keys %edges) {
        my %from;
        my @queue = ($start);
        while (defined(my $folder = shift @queue)) {
            for my $next (sort keys %{ $edges{$folder} // {} }) {
                next if exists $from{$next};
                $from{$next} = $folder;
                push @queue, $next;
            }
        }
        next unless exists $from{$start};
        my @way = ($start);
        my $at = $start;
        do { $at = $from{$at}; unshift @way, $at } until $at eq $start;
        next unless $start eq (sort @way)[0];
        push @problems, 'folders include each other: ' . join(' -> ', @way) . " ($edges{$way[0]}{$way[1]})";
    }
}
