# Calls are recorded as they were, and the recording decides the same again.

use strict;
use warnings;

use lib 't/lib';
use POSIX qw(WNOHANG);
use Test::More;
use VoiceAI;
use VoiceAI::Server;

my $token = 'a' x 32;
my $dir = scratch();
my $engines = "$dir/engines";
my ($kept, $lost) = ("$dir/kept", "$dir/lost");

for my $path ($kept, $lost) {
    mkdir $path or die "$path: $!";
    chmod 0777, $path;
}
chmod 0755, $dir;

start_process({ log => "$dir/engines.log" }, program('voiceai-local'),
    '--socket', $engines, '--socket-mode', '666');
wait_socket($engines, 60) or die "no voiceai-local:\n",
    VoiceAI::slurp("$dir/engines.log");

my $servers = '';
for ([ voice => "voiceai_record $kept;" ], [ broken => "voiceai_record $lost;" ],
    [ quiet => 'voiceai_record off;' ]) {
    my ($name, $record) = @$_;
    $servers .= <<"END";
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name $name.example.com;
        voiceai on;
        voiceai_public_url https://$name.example.com;
        $record
    }
END
}
my $server = VoiceAI::Server->new(workers => 1, http => <<"END");
    voiceai_zone calls 2m;
    voiceai_twilio_auth_token $token;
    voiceai_greeting "Hello, how can I help you?";
    voiceai_stt local url=http://unix:$engines:/v1;
    voiceai_tts local url=http://unix:$engines:/v1;
    voiceai_record $lost;
    $servers
END

# What cannot be written is said, and the call goes on without it.
rmdir $lost or die "$lost: $!";

my $count = 0;
my @calls;
for my $host (qw(voice broken quiet)) {
    my $call = sprintf 'CA%032x', ++$count;
    my $log = "$dir/$call.json";
    push @calls, { call => $call, log => $log, pid => start_process(
        { log => $log }, program('voiceai-sim'), 'call',
        'http://127.0.0.1:' . $server->port . '/voice/incoming',
        '--public-url', "https://$host.example.com", '--auth-token', $token,
        '--call-sid', $call, '--max-time', '40', '--quiet', '--json',
        '--say', 'what can you do', '--interrupt', '900', '--say',
        'what time is it', '--say', 'goodbye', '--expect-end') };
}
for my $call (@calls) {
    my $status;
    wait_for(60, sub {
        return 0 if waitpid($call->{pid}, WNOHANG) != $call->{pid};
        $status = $? >> 8;
        return 1;
    });
    is($status, 0, 'a call') or diag(VoiceAI::slurp($call->{log}), $server->log);
}

my ($log, $wav);
ok(wait_for(10, sub {
    ($log) = glob "$kept/*.jsonl";
    ($wav) = glob "$kept/*.wav";
    return 0 unless $wav && -s $wav > 44;
    my ($length) = unpack 'x40 V', VoiceAI::slurp($wav);
    return $length + 44 == -s $wav;
}), 'a recording is complete') or diag($server->log);
like($log, qr/\/$calls[0]{call}-MZ\w+\.jsonl$/, 'and named after its call');
is((stat $wav)[2] & 0777, 0600, 'for its owner only');

my $header = VoiceAI::slurp($wav);
is_deeply([ unpack 'A4 x4 A4 x4 x4 v v V', $header ],
    [ 'RIFF', 'WAVE', 7, 2, 8000 ], 'stereo, mu-law at 8000 Hz');
my $audio = substr $header, 44;
my @loud = (0, 0);
my $i = 0;
for (unpack 'C*', $audio) {
    $loud[ $i++ & 1 ]++ if ($_ & 0x7f) < 0x50;
}
cmp_ok($_, '>', 4000, 'a voice on this channel') for @loud;

my $output = `@{[ program('voiceai-sim') ]} replay $log 2>&1`;
is($? >> 8, 0, 'replayed, the same is decided') or diag(
    substr $output, -2000);
like($output, qr/"act":"clear"/, 'an interruption among it');
like($output, qr/"act":"hangup"/, 'and the end');
like($output, qr/: \d{3,} decisions, the same/, 'and told so');

# Another conversation than was recorded.
my $text = VoiceAI::slurp($log);
$text =~ s/("in":"transcript".*?"text":")[^"]+/$1something else/;
open my $changed, '>', "$kept/changed.jsonl" or die $!;
print $changed $text;
close $changed;
$output = `@{[ program('voiceai-sim') ]} replay $kept/changed.jsonl 2>&1`;
is($? >> 8, 1, 'another decision is found');
like($output, qr/changed\.jsonl: line \d+: .*(is done instead|does not have)/,
    'and told');

ok($server->wait_log("recording \"$lost/$calls[1]{call}-MZ\\w+\" failed "
    . '\(2: No such file or directory\)', 10), 'a recording failed');
is(scalar(() = $server->log =~ /recording/g), 1, 'and no other');

done_testing();
