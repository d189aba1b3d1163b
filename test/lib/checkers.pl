#!/usr/bin/perl
# Tests the checkers floors.pl and docs.pl on made-up trees: each rule is broken once, and the checker must say so.
#
#   perl test/lib/checkers.pl
#
# A checker that finds nothing looks the same as a tree without faults. So each case begins with a tree in which the
# checker must find nothing, changes it in one place, and names the message that must come.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);

my $here = dirname(__FILE__);
my $failures = 0;

my %sound_source = (
    'src/base/result.hpp'          => '',
    'src/core/asl/model.hpp'       => '#include "base/result.hpp"',
    'src/core/path/query.cpp'      => '#include "core/asl/model.hpp"',
    'src/net/http/url.hpp'         => '#include "base/result.hpp"',
    'src/calls/plain.cpp'          => qq(#include "core/asl/model.hpp"\n#include "net/http/url.hpp"),
    'src/pg/server/spi.hpp'        => '',
    'src/pg/store/runs.hpp'        => '#include "pg/server/spi.hpp"',
    'src/pg/endpoints/arn.hpp'     => '#include "pg/server/spi.hpp"',
    'src/pg/engine/turn.cpp'       => qq(#include "pg/store/runs.hpp"\n#include "core/asl/model.hpp"),
    'src/pg/processes/worker.hpp'  => '',
    'src/pg/init.cpp'              => '#include "pg/processes/worker.hpp"',
);
my @floors = (
    [ 'base includes nothing of ours',        'src/base/result.hpp',      '#include "core/asl/model.hpp"',     qr/base may not include core/ ],
    [ 'core does not know net',               'src/core/asl/model.hpp',   '#include "net/http/url.hpp"',       qr/core may not include net/ ],
    [ 'net does not know core',               'src/net/http/url.hpp',     '#include "core/asl/model.hpp"',     qr/net may not include core/ ],
    [ 'core does not know calls',             'src/core/asl/model.hpp',   '#include "calls/plain.hpp"',        qr/core may not include calls/ ],
    [ 'calls does not know pg',               'src/calls/plain.cpp',      '#include "pg/server/spi.hpp"',      qr/calls may not include pg/ ],
    [ 'a folder of pg includes no upper one', 'src/pg/store/runs.hpp',    '#include "pg/processes/worker.hpp"', qr/store may not include processes/ ],
    [ 'two folders of a floor are strangers', 'src/pg/store/runs.hpp',    '#include "pg/endpoints/arn.hpp"',   qr/store may not include endpoints/ ],
    [ 'nobody includes what is on top',       'src/pg/processes/worker.hpp', '#include "pg/hooks.hpp"',        qr/may not include what stands on top/ ],
    [ 'also with blanks in the directive',    'src/pg/store/runs.hpp',    '  #  include  "pg/processes/worker.hpp"', qr/store may not include processes/ ],
    [ 'a folder has a floor',                 'src/pg/attic/box.cpp',     '',                                  qr/attic stands on no floor/ ],
    [ 'an include of a folder without floor', 'src/pg/engine/turn.cpp',   '#include "pg/attic/box.hpp"',       qr/attic, which does not stand below/ ],
    [ 'no file stands directly in pg',        'src/pg/worker_sql.cpp',    '',                                  qr/only init and hooks stand directly/ ],
    [ 'no circle of two folders',             'src/core/asl/model.hpp',   '#include "core/path/query.hpp"',    qr/folders include each other: .*core\/asl.*core\/path/ ],
    [ 'no name twice',                        'src/pg/engine/runs.hpp',   '',                                  qr/two files are called runs\.hpp/ ],
    [ 'no include by a short path',           'src/pg/store/runs.cpp',    '#include "runs.hpp"',               qr/begins at src \(runs\.hpp\)/ ],
    [ 'nor without a blank',                  'src/pg/store/runs.hpp',    '#include"pg/processes/worker.hpp"', qr/store may not include processes/ ],
    [ 'a file stands in a folder',            'src/client.cpp',           '',                                  qr/every file of src stands in a folder/ ],
    [ 'nobody includes precompiled headers',  'src/pg/store/runs.hpp',    '#include "precompiled/server.hpp"', qr/pg may not include precompiled/ ],
    [ 'a layer is one of those known',        'src/extra/thing.cpp',      '#include "base/result.hpp"',        qr/extra may not include base/ ],
);

my %sound_text = (
    'README.md'          => "# Title\n\nA line of prose.\n\n| a | b |\n|---|---|\n\n[there](docs/reference.md#settings)\n",
    'CHANGELOG.md'       => "# Changelog\n",
    'docs/reference.md'  => "# Settings\n\n| name |\n|---|\n| `flowctl.workers` |\n| `url` |\n| `flowctl.runs` |\n\n### start\n",
    'src/pg/guc.cpp'     => qq{DefineCustomIntVariable("flowctl.workers", ...\n},
    'src/pg/option_table.cpp' => qq(    {"url", Place::HttpServer, Kind::Url},\n),
    'src/sql/10.sql'     => "CREATE FUNCTION flowctl.start(flow text)\nCREATE VIEW flowctl.runs WITH (security_barrier) AS\n",
);
my $words = 'word ' x 40;
my @docs = (
    [ 'a wide table',                  'README.md',      '| ' . 'x' x 160 . " |\n",                      qr/README.md:\d+: a table's line of 164 characters/ ],
    [ 'a long line',                   'README.md',      "\n$words.\n",                                 qr/a line of prose with \d+ characters/ ],
    [ 'a line broken in a sentence',   'README.md',      "\nThis line ends\nwithin a sentence.\n",      qr/ends within a sentence/ ],
    [ 'a link to no file',             'README.md',      "\n[x](docs/none.md)\n",                       qr/docs\/none\.md leads to no file/ ],
    [ 'a link to no heading',          'README.md',      "\n[x](docs/reference.md#none)\n",             qr/leads to no heading/ ],
    [ 'a path that is gone',           'README.md',      "\nSee src/pg/old_name.cpp.\n",                qr/there is no src\/pg\/old_name\.cpp/ ],
    [ 'a source file that is gone',    'README.md',      "\nSee `engine/old_name.cpp`.\n",              qr/there is no source file engine\/old_name\.cpp/ ],
    [ 'a setting without a row',       'src/pg/guc.cpp', qq{DefineCustomBoolVariable(\n    "flowctl.new", ...\n}, qr/the setting flowctl\.new is missing/ ],
    [ 'an option without a row',       'src/pg/option_table.cpp', qq(    {"new", Place::OidcServer, Kind::Url},\n), qr/the option new is missing/ ],
    [ 'a function without a heading',  'src/sql/10.sql', "CREATE FUNCTION flowctl.new(x int)\n",        qr/the function new is missing/ ],
    [ 'a procedure without a heading', 'src/sql/10.sql', "CREATE PROCEDURE flowctl.new(x int)\n",       qr/the function new is missing/ ],
    [ 'a view without a row',          'src/sql/10.sql', "CREATE VIEW flowctl.new WITH (security_barrier) AS\n", qr/the view flowctl\.new is missing/ ],
    [ 'a row of what is gone',         'docs/reference.md', "\n| `flowctl.gone` |\n",                   qr/there is no flowctl\.gone/ ],
);

try('floors.pl', \%sound_source, 'src', @floors);
try('docs.pl', \%sound_text, '', @docs);
print "$failures cases failed\n" if $failures;
exit($failures ? 1 : 0);

sub try {
    my ($checker, $sound, $argument, @cases) = @_;
    for my $case ([ 'a sound tree', undef, undef, qr/\A\z/ ], @cases) {
        my ($sentence, $file, $added, $expected) = @$case;
        my $tree = tempdir(CLEANUP => 1);
        my %files = %$sound;
        $files{$file} = ($files{$file} // '') . "\n$added" if defined $file;
        for my $name (keys %files) {
            make_path(dirname("$tree/$name"));
            open my $out, '>', "$tree/$name" or die "$tree/$name: $!\n";
            print {$out} $files{$name};
        }
        my $output = `'$^X' '$here/$checker' '$tree/$argument' 2>&1`;
        my $status = $? >> 8;
        next if $output =~ $expected && $status == (defined $file ? 1 : 0);
        $failures++;
        print "$checker, $sentence: status $status, output:\n$output\n";
    }
}
