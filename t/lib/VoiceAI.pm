package VoiceAI;

# What the tests of this folder share: finding the server and the module, a
# clean error log and a clean end of the server after every block, and helper
# processes.  A test begins so (the order matters, Test::Nginx reads the
# environment as it is loaded):
#
#     use lib 't/lib';
#     use VoiceAI;
#     use Test::Nginx::Socket;
#
#     repeat_each(2);
#     plan tests => repeat_each() * (blocks() * 3);
#     run_tests();
#
# The environment tells where things are:
#
#     VOICEAI_BUILD       folder of the programs and the module, build/release
#                         unless told
#     TEST_NGINX_BINARY   the server, with the module inside or not
#
# A block may have a section "may_log", a regular expression for lines that
# would otherwise count as faults of the server.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Test::More ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
    free_port program project_root run_command run_node scratch
    start_process stop_process voiceai_version wait_for wait_port wait_socket
);

my ($root, $build, $reports, $version, %processes);
my $owner = $$;

BEGIN {
    my $name = 'ngx_http_voiceai_module';
    $root = abs_path(dirname(__FILE__) . '/../..');
    $build = $ENV{VOICEAI_BUILD} // "$root/build/release";
    $reports = tempdir('voiceai-XXXXXX', TMPDIR => 1, CLEANUP => 1);

    my $header = "$root/src/base/va_base.h";
    open my $in, '<', $header or die "$header: $!\n";
    ($version) = join('', <$in>) =~ /VA_VERSION "([^"]+)"/
        or die "$header tells no version\n";

    my @places = map { "$_/nginx" }
        $build, split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
    $ENV{TEST_NGINX_BINARY} //= (grep { -x && !-d } @places)[0]
        // die "no nginx found: run ./build.sh deps\n";

    if (`$ENV{TEST_NGINX_BINARY} -V 2>&1` !~ m{--add-module=\Q$root\E(?:\s|$)}) {
        -f "$build/$name.so"
            or die "$build/$name.so is missing: run ./build.sh build\n";
        $ENV{TEST_NGINX_LOAD_MODULES} = "$build/$name.so";
    }

    # Several files may run at once, each with its own port and folder.
    $ENV{TEST_NGINX_RANDOMIZE} //= 1;
    mkdir 't' if !-d 't';

    # Reports of sanitizers go to files, so that none is lost among the lines
    # of an error log.  Test::Nginx adds to the end of the address sanitizer's
    # options, so that path stands last.
    for my $tool (qw(ASAN UBSAN)) {
        my $variable = "${tool}_OPTIONS";
        $ENV{$variable} = join ':', grep { length } $ENV{$variable} // '',
            'print_stacktrace=1', "log_path=$reports/$tool";
    }
    $ENV{LSAN_OPTIONS} = "suppressions=$root/t/lsan.supp:print_suppressions=0";
}

use Test::Nginx::Util ();

# ---- where things are

# Returns the folder of the project.
sub project_root
{
    return $root;
}

# Returns the path of a program of ours, such as program('voiceai-sim').
sub program
{
    my ($program) = @_;
    -x "$build/$program" or die "$build/$program is missing\n";
    return "$build/$program";
}

# Returns the version that the module has to tell.
sub voiceai_version
{
    return $version;
}

# Returns a folder for the files of this test, gone with it.
sub scratch
{
    return tempdir('voiceai-XXXXXX', TMPDIR => 1, CLEANUP => 1);
}

# Returns a TCP port of the loopback that nobody listens on.
sub free_port
{
    my $socket = IO::Socket::INET->new(
        Listen => 1, LocalAddr => '127.0.0.1', Proto => 'tcp')
        or die "no free port: $!\n";
    return $socket->sockport;
}

# ---- helper processes

# Runs a command to its end, for at most a minute, and returns its exit status
# (128 more than the signal that ended it) and what it wrote to both outputs.
sub run_command
{
    my @command = @_;
    my $pid = open(my $out, '-|') // die "fork: $!\n";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec 'timeout', '-k', '5', '60', @command or POSIX::_exit(127);
    }

    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $text);
}

# Runs a script of t/ with Node; as run_command.
sub run_node
{
    my ($script, @arguments) = @_;
    return run_command('node', "$root/t/$script", @arguments);
}

# Starts a command that runs until stop_process or the end of the test, and
# returns its process id.  What it writes goes to the file "log" of %options.
sub start_process
{
    my ($options, @command) = @_;
    my $log = $options->{log} // '/dev/null';
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }

    $processes{$pid} = $command[0];
    return $pid;
}

# Ends a process of start_process, with the given signal or TERM, and returns
# its wait status, or undef if it had to be killed.
sub stop_process
{
    my ($pid, $signal) = @_;
    my $status;

    delete $processes{$pid} // return;
    kill $signal // 'TERM', $pid;
    my $ended = wait_for(10, sub {
        my $got = waitpid($pid, WNOHANG);
        $status = $? if $got == $pid;
        return $got != 0;
    });

    return $status if $ended;
    kill 'KILL', $pid;
    waitpid($pid, 0);
    return;
}

# Waits until the function answers true, for at most so many seconds.
sub wait_for
{
    my ($seconds, $function) = @_;
    my $end = time + $seconds;

    while (1) {
        my $answer = $function->();
        return $answer if $answer;
        return if time > $end;
        sleep 0.02;
    }
}

# Waits until something listens on the port of the loopback.
sub wait_port
{
    my ($port, $seconds) = @_;
    return wait_for($seconds // 10, sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
    });
}

# Waits until something listens on the unix socket.
sub wait_socket
{
    my ($path, $seconds) = @_;
    return wait_for($seconds // 10, sub { IO::Socket::UNIX->new(Peer => $path) });
}

# ---- after every block

my $faults = qr/\[(?:alert|crit|emerg)\]|exited on (?:core )?signal|
    AddressSanitizer|LeakSanitizer|runtime\ error:|Assertion/x;

# A process that ended counts as gone even where nobody collects it.
sub running
{
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return;
    return <$in> !~ /\) [ZX] /;
}

sub slurp
{
    my ($path) = @_;
    open my $in, '<', $path or return '';
    local $/;
    return <$in> // '';
}

# Ends the server as an operator would and returns whether it went by itself.
sub stop_server
{
    my $file = $Test::Nginx::Util::PidFile;
    my ($pid) = slurp($file) =~ /^(\d+)/ or return 1;

    kill 'QUIT', $pid;
    return 1 if wait_for(20, sub { !running($pid) });
    kill 'KILL', $pid;
    unlink $file;
    return 0;
}

sub check_block
{
    my ($block) = @_;
    my $may = $block->may_log;
    my $test = $block->name;

    if (!$ENV{TEST_NGINX_USE_HUP} && !stop_server()) {
        Test::More::fail("$test - the server ends when told to");
    }

    my @lines = grep { !defined $may || !/$may/ } grep { /$faults/ }
        split /\n/, slurp($Test::Nginx::Util::ErrLogFile);
    if (@lines && !defined $block->must_die) {
        Test::More::fail("$test - no fault in the error log");
        Test::More::diag(join "\n", @lines[0 .. ($#lines < 20 ? $#lines : 20)]);
    }

    check_reports($test, $block->must_die);
}

# A server that refuses its configuration ends without freeing anything.
sub check_reports
{
    my ($test, $refused) = @_;
    for my $report (glob "$reports/*") {
        my $text = slurp($report);
        unlink $report;
        next if defined $refused && $text =~ /ERROR: LeakSanitizer/;
        Test::More::fail("$test - no report of a sanitizer");
        Test::More::diag($text);
    }
}

Test::Nginx::Util::add_test_cleanup_handler(\&check_block);

Test::Nginx::Util::add_cleanup_handler(sub {
    stop_process($_) for keys %processes;
    check_reports($0);
});

END {
    local $?;
    return if $$ != $owner;
    stop_process($_) for keys %processes;
}

1;
