#!/usr/bin/env perl

# Where voiceai-local has to hold: bodies past the limit, more recordings than
# it can hear, bodies that are no order at all, and two of them with one
# pidfile.

use strict;
use warnings;

use lib 't/lib';
use VoiceAI;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);

my $dir = scratch();
my $local = program('voiceai-local');
my $socket = "$dir/voiceai.sock";
my ($speech, $chat, $form) = ('/v1/audio/speech', '/v1/chat/completions',
    '/v1/audio/transcriptions');
my $multipart = 'Content-Type: multipart/form-data; boundary=limits';

sub slurp
{
    my ($file) = @_;
    open my $in, '<:raw', $file or return '';
    local $/;
    return <$in> // '';
}

sub spew
{
    my ($name, $bytes) = @_;
    open my $out, '>:raw', "$dir/$name" or die "$dir/$name: $!\n";
    print $out $bytes;
    close $out or die "$dir/$name: $!\n";
    return "$dir/$name";
}

# Asks with curl; returns the status, and the error if that is what came.
sub ask
{
    my ($path, @options) = @_;
    unlink "$dir/body";
    my (undef, $told) = run_command('curl', '-s', '--max-time', 20,
        '--unix-socket', $socket, '-o', "$dir/body", '-w', "\n%{http_code}",
        @options, "http://local$path");
    my ($status) = $told =~ /\n(\d+)\z/;
    my $json = eval { decode_json(slurp("$dir/body")) };
    return ($status, ref $json eq 'HASH' ? $json->{error} : undef);
}

sub refused
{
    my ($want, $name, @how) = @_;
    my ($status, $error) = ask(@how);
    ok($status eq $want && length($error->{message} // ''),
        "$name: $want and why") or diag("$status " . slurp("$dir/body"));
}

# Who sends on without having asked may find the connection closed before the
# answer was read.
sub refused_or_closed
{
    my ($want, $name, @how) = @_;
    my ($status, $error) = ask(@how);
    ok($status eq '000'
        || $status eq $want && length($error->{message} // ''),
        "$name: $want and why, or closed") or diag("$status");
}

# Returns the WAV of so many seconds of noise, which takes time to listen to.
sub noise
{
    my ($seconds) = @_;
    my $n = 8000 * $seconds;
    srand 5;
    return 'RIFF' . pack('V', 36 + $n) . 'WAVEfmt '
        . pack('VvvVVvv', 16, 7, 1, 8000, 8000, 1, 8) . 'data' . pack('V', $n)
        . join '', map { chr int rand 256 } 1 .. $n;
}

sub start
{
    my @options = @_;
    my $log = "$dir/log";
    unlink $log;
    my $pid = start_process({ log => $log }, $local, '--socket', $socket,
        @options);
    ok(wait_for(20, sub { slurp($log) =~ /ready on unix:/ }),
        "it starts: @options") or BAIL_OUT(slurp($log));
    return $pid;
}

sub stop
{
    my ($pid, $name) = @_;
    is(stop_process($pid, 'TERM'), 0, "$name: SIGTERM ends it with 0");
    ok(!-e $socket, "$name: the socket is gone");
}

sub resident
{
    my ($pid) = @_;
    my ($kib) = slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
    return $kib / 1024;
}

subtest 'a missing folder' => sub {
    my ($rc, $text) = run_command($local, '--socket', "$dir/none/x.sock");
    is($rc, 1, 'it does not start');
    like($text, qr{\Q$dir\E/none/x\.sock: No such file or directory},
        'and says why');
};

subtest 'one pidfile' => sub {
    my $file = "$dir/pid";
    my $pid = start('--pidfile', $file);
    is(slurp($file), "$pid\n", 'it is written when the server is ready');
    my ($rc, $text) = run_command($local, '--socket', $socket,
        '--pidfile', $file);
    is($rc, 1, 'a second server does not start');
    like($text, qr/Address already in use/, 'and says why');
    is(slurp($file), "$pid\n", 'the pidfile of the first is left alone');
    stop($pid, 'the first');
    ok(!-e $file, 'and its pidfile');

    $file = spew('taken', "1\n");
    ($rc, $text) = run_command($local, '--socket', $socket,
        '--pidfile', "$file/pid");
    is($rc, 1, 'a pidfile that cannot be written');
    like($text, qr{\Q$file\E/pid: Not a directory}, 'is told');
    ok(!-e $socket, 'and no socket is left');
};

subtest 'bodies' => sub {
    my $pid = start('--max-body', 65536);
    my $fits = spew('fits', '{"input":"hi"' . ' ' x 65522 . '}');
    my $over = spew('over', slurp($fits) . ' ');
    my @chunked = ('-H', 'Transfer-Encoding: chunked');
    my @asked = ('-H', 'Expect: 100-continue');
    is(-s $fits, 65536, 'a body as large as may be');
    is((ask($speech, '--data-binary', "\@$fits"))[0], 200, 'is taken');
    is((ask($speech, '--data-binary', "\@$fits", @chunked))[0], 200,
        'in chunks too');
    for my $path ($speech, $chat) {
        refused(413, "a byte more to $path", $path, '--data-binary',
            "\@$over", @asked);
        refused_or_closed(413, "a byte more in chunks to $path", $path,
            '--data-binary', "\@$over", @chunked);
    }
    my $long = spew('long.wav', noise(9));
    refused(413, 'a file', $form, '-F', "file=\@$long", @asked);
    refused_or_closed(413, 'a file in chunks', $form, '-F', "file=\@$long",
        @chunked);

    my $huge = spew('huge', '');
    truncate $huge, 100 << 20 or die "$huge: $!\n";
    my $before = resident($pid);
    for my $path ($speech, $form) {
        my @send = ('-X', 'POST', '-T', $huge, '-H', $multipart);
        refused(413, "100 MB, asked before, to $path", $path, @send, @asked);
        refused_or_closed(413, "100 MB to $path", $path, @send,
            '-H', 'Expect:');
        refused_or_closed(413, "100 MB in chunks to $path", $path, @send,
            '-H', 'Expect:', @chunked);
    }
    cmp_ok(resident($pid) - $before, '<', 24, 'no more memory is held');

    my %bad = ('deep nesting' => '[' x 60000, 'an empty body' => '',
        'no UTF-8' => "{\"input\":\"\xff\xfe\"}", 'half' => '{"input":"hi"',
        'two values' => '{"input":"hi","messages":[]} {}');
    for my $name (sort keys %bad) {
        my $file = spew('bad', $bad{$name});
        refused(400, "$name to $_", $_, '--data-binary', "\@$file")
            for $speech, $chat;
    }
    srand 7;
    my $noise = spew('noise', join '', map { chr int rand 256 } 1 .. 20000);
    refused(400, 'noise as a form', $form, '-H', $multipart,
        '--data-binary', "\@$noise");
    is((ask('/health'))[0], 200, 'the server goes on');
    stop($pid, 'after all that');
};

subtest 'more than can be heard' => sub {
    my $pid = start('--decoders', 1, '--queue', 1);
    my $file = spew('long.wav', noise(100));
    my @parts = map {
        join "\n", "url = \"http://local$form\"", "unix-socket = \"$socket\"",
            "output = \"$dir/heard.$_\"", "form = \"file=\@$file\"",
            'write-out = "%{http_code} %header{retry-after}\n"',
            'max-time = 40', '';
    } 1 .. 12;
    my (undef, $told) = run_command('curl', '-s', '--stderr', '/dev/null',
        '--parallel', '--parallel-immediate', '--parallel-max', 12, '-K',
        spew('many', join "next\n", @parts));
    my @answers = split /\n/, $told;
    is(scalar @answers, 12, 'all are answered');
    is(scalar(grep { !/^200 $|^503 [1-9]\d*$/ } @answers), 0,
        'heard, or told when to come again') or diag($told);
    ok(scalar(grep { /^$_/ } @answers), "some with $_") for 200, 503;
    my $short = spew('short.wav', noise(1));
    is((ask($form, '-F', "file=\@$short"))[0], 200, 'who comes again is heard');

    my $client = start_process({}, 'curl', '-s', '--max-time', 30,
        '--unix-socket', $socket, '-F', "file=\@$file", "http://local$form");
    my $begin = time;
    stop($pid, 'while it may be hearing');
    cmp_ok(time - $begin, '<', 8, 'soon');
    stop_process($client);
};

done_testing();
