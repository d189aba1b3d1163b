#!/usr/bin/env perl
# Makes tables of what a benchmark took down: text on standard output, Markdown and JSON into files.
#
#   report.pl FIGURES NOTES MACHINE [--json FILE] [--markdown FILE]
#
# FIGURES has a line for each value (lib/figures.sh): round, measurement, name, unit, value, label and value of the floor
# of those minutes, ratio to it. The values of a name are one figure: its median, its range, and the median and range
# of its ratios. Called by bench.sh.
use strict;
use warnings;
use JSON::PP;
use Text::Wrap qw(wrap);

my ($figures, $notes, $machine, %file) = (shift, shift, shift);
while (my $option = shift) {
    $file{ $option =~ s/^--//r } = shift // die "report.pl: $option needs a file\n";
}

my (@order, %figure);
for (lines($figures)) {
    my ($round, $measurement, $name, $unit, $value, $label, $floor, $ratio) = split /\t/, $_, -1;
    my $key = "$measurement\t$name";
    push @order, $key unless $figure{$key};
    my $entry = $figure{$key} //= { measurement => $measurement, name => $name, unit => $unit, values => [] };
    next unless $value =~ /^-?[\d.]+(?:e[-+]?\d+)?$/;
    push @{ $entry->{values} }, $value + 0;
    next unless length $ratio;
    $entry->{floor}{label} = $label;
    push @{ $entry->{floor}{values} }, $floor + 0;
    push @{ $entry->{ratios} }, $ratio + 0;
}
my @all = grep { @{ $_->{values} } } map { $figure{$_} } @order;
my %place = (floors => -1);
$place{ $all[$_]{measurement} } //= $_ for 0 .. $#all;
@all = @all[ sort { $place{ $all[$a]{measurement} } <=> $place{ $all[$b]{measurement} } || $a <=> $b } 0 .. $#all ];
my %seen;
my @notes = grep { !$seen{$_}++ } map { my (undef, $measurement, $text) = split /\t/; "$measurement: $text" } lines($notes);
my @machine = map { [ split /\t/, $_, 2 ] } lines($machine);
my %of = map { @$_ } @machine;

print_text();
write_markdown($file{markdown}) if $file{markdown};
write_json($file{json}) if $file{json};

sub lines {
    my ($name) = @_;
    open my $handle, '<:encoding(UTF-8)', $name or die "report.pl: $name: $!\n";
    chomp(my @lines = <$handle>);
    return @lines;
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    my $middle = int(@sorted / 2);
    return @sorted % 2 ? $sorted[$middle] : ($sorted[ $middle - 1 ] + $sorted[$middle]) / 2;
}

sub range {
    my @sorted = sort { $a <=> $b } @_;
    return @sorted[ 0, -1 ];
}

# 12,345 or 1.23: three digits that count, none invented.
sub pretty {
    my ($value) = @_;
    my $size = abs $value;
    my $text = sprintf '%.*f', $size >= 100 || $value == int $value ? 0 : $size >= 10 ? 1 : $size >= 1 ? 2 : 3, $value;
    1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;
    return $text;
}

sub span {
    return $of{rounds} > 1 ? 'once' : '' if @_ == 1;
    my ($low, $high) = range(@_);
    return pretty($low) eq pretty($high) ? '' : pretty($low) . ' to ' . pretty($high);
}

sub ratio_text {
    my ($entry) = @_;
    return '' unless $entry->{ratios};
    return sprintf '%.2f of %s (%s)', median(@{ $entry->{ratios} }), $entry->{floor}{label},
        pretty(median(@{ $entry->{floor}{values} }));
}

sub print_text {
    my ($measurement, $width) = ('', 0);
    for (@all) { $width = length $_->{name} if length $_->{name} > $width }
    print "\n== Medians, ranges, and ratios to the floors\n";
    for my $entry (@all) {
        print "\n$entry->{measurement}\n" if $entry->{measurement} ne $measurement;
        $measurement = $entry->{measurement};
        my @values = @{ $entry->{values} };
        printf "  %-${width}s %12s %-14s %-24s %s\n", $entry->{name}, pretty(median(@values)), $entry->{unit}, span(@values), ratio_text($entry);
    }
    print "\n";
    printf "%-16s %s\n", @$_ for @machine;
    print "$_\n" for @notes;
}

sub write_markdown {
    my ($name) = @_;
    open my $out, '>:encoding(UTF-8)', $name or die "report.pl: $name: $!\n";
    my ($day) = $of{date} =~ /^([\d-]+)/;
    # docs/performance.md has lines of 100 characters.
    local $Text::Wrap::columns = 101;
    print $out wrap('', '', "Measured on $day (build: $of{build}): $of{cores} cores ($of{processor}), $of{memory}, Linux $of{kernel},",
        "$of{server}, libcurl $of{libcurl}; $of{settings}; medians of $of{rounds} round" . ($of{rounds} == 1 ? '' : 's') . '.'), "\n";
    my $measurement = '';
    for my $entry (@all) {
        print $out "\n| $entry->{measurement} | median | range | of its floor |\n|---|---:|---|---|\n" if $entry->{measurement} ne $measurement;
        $measurement = $entry->{measurement};
        my @values = @{ $entry->{values} };
        printf $out "| %s | %s %s | %s | %s |\n", $entry->{name}, pretty(median(@values)), $entry->{unit}, span(@values), ratio_text($entry);
    }
    print $out "\n", map { wrap('- ', '  ', $_) . "\n" } @notes if @notes;
    close $out or die "report.pl: $name: $!\n";
}

sub write_json {
    my ($name) = @_;
    my @figures = map {
        my $entry = $_;
        my ($low, $high) = range(@{ $entry->{values} });
        my %out = (%$entry{qw(measurement name unit values)}, median => median(@{ $entry->{values} }), min => $low, max => $high);
        if ($entry->{ratios}) {
            my ($least, $most) = range(@{ $entry->{ratios} });
            $out{floor} = { name => $entry->{floor}{label}, values => $entry->{floor}{values}, median => median(@{ $entry->{floor}{values} }) };
            $out{ratio} = { values => $entry->{ratios}, median => median(@{ $entry->{ratios} }), min => $least, max => $most };
        }
        \%out
    } @all;
    my $document = { machine => { map { @$_ } @machine }, figures => \@figures, notes => \@notes };
    open my $out, '>', $name or die "report.pl: $name: $!\n";
    print $out JSON::PP->new->utf8->canonical->pretty->encode($document);
    close $out or die "report.pl: $name: $!\n";
}
