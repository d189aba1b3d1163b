#!/usr/bin/perl
# Checks README.md, CHANGELOG.md and docs/*.md as far as a program can: their form, their links, and whether they are complete.
#
#   perl test/lib/docs.pl ROOT
#
# It prints each line that breaks a rule and ends with status 1 when there is one. The rules:
#   - A line of a table has at most 160 characters, since a longer one cannot be read in a terminal or a diff.
#   - A line of prose has at most 100 characters, and ends early only where a sentence or paragraph ends.
#   - A link to a file or heading of ours leads somewhere.
#   - docs/reference.md has a row or heading for every setting, option, view and function, and for none that is gone.
#   - A path below src or test that a document names exists, and so does every source file that it names in part.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Find;

use constant { MAX_TABLE => 160, MAX_PROSE => 100, MIN_PROSE => 70 };

my $root = abs_path(shift // die "usage: docs.pl ROOT\n");
my @documents = ('README.md', 'CHANGELOG.md', map { substr $_, length($root) + 1 } sort glob "$root/docs/*.md");
my %text = map { $_ => slurp("$root/$_") } @documents;
my @problems;
my @sources;
find({ no_chdir => 1, wanted => sub { push @sources, $_ if /\.[ch]pp$/ } }, "$root/src");

check_lines($_) for @documents;
check_links($_) for @documents;
check_paths($_) for @documents;
check_reference();
print "$_\n" for @problems;
exit(@problems ? 1 : 0);

sub slurp {
    my ($file) = @_;
    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

# Calls the function with (line, number, next line) for every line that is neither code nor empty.
sub each_line {
    my ($document, $function) = @_;
    my @lines = split /\n/, $text{$document};
    my $fenced = 0;
    for my $i (0 .. $#lines) {
        if ($lines[$i] =~ /^```/) { $fenced = !$fenced; next; }
        next if $fenced || $lines[$i] =~ /^    / || $lines[$i] eq '';
        $function->($lines[$i], $i + 1, $lines[ $i + 1 ] // '');
    }
}

sub check_lines {
    my ($document) = @_;
    each_line($document, sub {
        my ($line, $number, $next) = @_;
        my $length = length $line;
        if ($line =~ /^\|/) {
            push @problems, "$document:$number: a table's line of $length characters" if $length > MAX_TABLE;
            return;
        }
        return if $line =~ /^#/;
        push @problems, "$document:$number: a line of prose with $length characters"
            if $length > MAX_PROSE && $line =~ /^\s*(?:- )?\S.* /;
        return if $next eq '' || $next =~ /^(?:[-#|]|    |```)/ || $line =~ /[.:;?!)]$/;
        my ($word) = $next =~ /^\s*(\S+)/;
        push @problems, "$document:$number: a line of prose that ends within a sentence after $length characters"
            if $length + 1 + length $word <= MIN_PROSE;
    });
}

# GitHub's name of a heading.
sub anchors {
    my ($document) = @_;
    my %anchors;
    each_line($document, sub {
        my ($line) = @_;
        my ($heading) = $line =~ /^#+ (.*)/ or return;
        $heading = lc $heading =~ s/`|\*\*//gr;
        $heading =~ s/[^\w\- ]//g;
        $anchors{ $heading =~ tr/ /-/r } = 1;
    });
    return \%anchors;
}

sub check_links {
    my ($document) = @_;
    my ($folder) = $document =~ m{^(.*/)?};
    $folder //= '';
    each_line($document, sub {
        my ($line, $number) = @_;
        while ($line =~ /\]\(([^)\s]+)\)/g) {
            my $link = $1;
            next if $link =~ m{^https?://};
            my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
            my $target = $file eq '' ? $document : $folder . $file;
            1 while $target =~ s{[^/]+/\.\./}{};
            if (!-e "$root/$target") {
                push @problems, "$document:$number: the link $link leads to no file";
            } elsif (defined $anchor && !(exists $text{$target} && anchors($target)->{$anchor})) {
                push @problems, "$document:$number: the link $link leads to no heading";
            }
        }
    });
}

sub check_paths {
    my ($document) = @_;
    while ($text{$document} =~ m{(?<![\w/.])((?:src|test)/[\w./-]*\w)}g) {
        my $path = $1;
        next if $path =~ m{^test/(?:node_modules|t/\d+$)};
        push @problems, "$document: there is no $path" unless -e "$root/$path" || glob "$root/$path.*";
    }
    while ($text{$document} =~ m{(?<![\w/.])([\w/]+\.[ch]pp)\b}g) {
        my $end = $1;
        next if $end =~ m{^(?:src|test)/};
        push @problems, "$document: there is no source file $end" unless grep { m{/\Q$end\E$} } @sources;
    }
}

# Every name that stands in code spans in headings and first columns of the reference.
sub documented {
    my %names;
    each_line('docs/reference.md', sub {
        my ($line) = @_;
        my $place = $line =~ /^### (.*)/ ? $1 =~ s/[\w.]+/`$&`/gr : $line =~ /^\| ([^|]*)/ ? $1 : return;
        $names{$1} = 1 while $place =~ /`([^`]+)`/g;
    });
    return \%names;
}

sub check_reference {
    my $documented = documented();
    my %source;
    find({ no_chdir => 1, wanted => sub { $source{$_} = slurp($_) if /\.(?:cpp|sql)$/ } }, "$root/src");
    my (%settings, %options, %functions, %views);
    for my $file (sort keys %source) {
        my $code = $source{$file};
        $settings{$1} = 1 while $code =~ /DefineCustom\w+\(\s*"(flowctl\.\w+)"/g;
        if ($file =~ m{/option_table\.cpp$}) { $options{$1} = 1 while $code =~ /^    \{"(\w+)", Place::/mg; }
        next unless $file =~ /\.sql$/;
        $functions{$1} = 1 while $code =~ /CREATE (?:FUNCTION|PROCEDURE) flowctl\.(\w+)\s*\(/g;
        $views{"flowctl.$1"} = 1 while $code =~ /CREATE VIEW flowctl\.(\w+) WITH \(security_barrier\)/g;
        delete $functions{$1} while $code =~ /COMMENT ON FUNCTION flowctl\.(\w+)\([^)]*\) IS\s+'(?:internal:|checks the options of|[^']*; read the view )/g;
    }
    delete $functions{start_flow};    # it has a section of its own: "Trigger function"
    for ([ setting => \%settings ], [ option => \%options ], [ function => \%functions ], [ view => \%views ]) {
        my ($kind, $names) = @$_;
        push @problems, "there is no $kind in src: docs.pl does not find them any more" unless %$names;
        push @problems, map { "docs/reference.md: the $kind $_ is missing" } grep { !$documented->{$_} } sort keys %$names;
    }
    my %there = (%settings, %views);
    push @problems, map { "docs/reference.md: there is no $_" } grep { /^flowctl\.\w+$/ && !$there{$_} } sort keys %$documented;
}
