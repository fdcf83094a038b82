# An answering machine's verdict where it finds no stream: in a conversation by
# Gather, with the webhook, and before the stream of a call is open.

use strict;
use warnings;

use lib 't/lib';
use FakeTwilio;
use Test::More;
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;
use VoiceAI::Twiml;

my $key = 'open-sesame-27';
my $twilio = FakeTwilio->start;
my $dir = scratch();
open my $out, '>', "$dir/speech" or die;
print $out "\x90\x10" x 4000;
close $out;

my $hosts = join '', map { <<"END" } qw(message hangup continue);
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name $_.example.com;
        voiceai on;
        voiceai_public_url https://$_.example.com;
        voiceai_answering_machine $_;
        voiceai_twilio_account_sid @{[$twilio->account]};
        voiceai_twilio_auth_token @{[$twilio->token]};
        voiceai_twilio_api_url @{[$twilio->base]};
        voiceai_twilio_number +15550100001;
    }
END
my $server = VoiceAI::Server->new(workers => 4, http => <<"END");
    voiceai_zone calls 4m;
    voiceai_api_key $key;
    voiceai_signature off;
    voiceai_greeting "Hello there.";
    voiceai_tts openai url=http://127.0.0.1:%%TLS%%/v1 format=ulaw rate=8000;
    voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    server {
        listen 127.0.0.1:%%TLS%%;
        access_log off;
        location = /v1/audio/speech {
            default_type audio/basic;
            alias $dir/speech;
            error_page 405 =200 \$uri;
        }
    }
$hosts
END
my $port = $server->port;

# Makes a call with detection; returns its sid, a function that asks a webhook
# of it, and the form that Twilio was sent.
sub make
{
    my ($policy, %more) = @_;
    my $host = "$policy.example.com";
    my $sid = ask($port, 'POST /make-call', key => $key, host => $host, json => {
        to_number => '+15550100077', machine_detection => 'enable',
        initial_message => 'This is for the machine.', %more })->{json}{call_sid};
    my $form = $twilio->requests->[-1]{form};
    my $hook = sub {
        my ($url, %fields) = @_;
        $url =~ s{^https://[^/]+}{};
        return ask($port, "POST $url", host => $host, form => [CallSid => $sid,
            AccountSid => $twilio->account, CallStatus => 'in-progress', %fields]);
    };
    return ($sid, $hook, $form);
}

sub twiml
{
    my ($answer) = @_;
    my ($faults, $twiml) = read_twiml($answer->{body});
    is($faults, '', 'TwiML that Twilio takes');
    return $twiml;
}

sub session
{
    my ($sid) = @_;
    return ask($port, "GET /session/$sid", key => $key, host => 'message.example.com')->{json};
}

# The last request to Twilio, when there are more than before.
sub updated
{
    my ($before) = @_;
    my $all;
    wait_for(5, sub { $all = $twilio->requests; @$all > $before });
    return @$all > $before ? $all->[-1]{form} : {};
}

# ---- a conversation by Gather

my ($sid, $hook, $form) = make('message', mode => 'gather');
like(twiml($hook->($form->{Url})), qr/^Gather /, 'a conversation by Gather');
my $before = @{$twilio->requests};
$hook->($form->{AsyncAmdStatusCallback}, AnsweredBy => 'machine_start');
$hook->($form->{AsyncAmdStatusCallback}, AnsweredBy => 'machine_end_beep');
my $update = updated($before);
is(@{$twilio->requests} - $before, 1, 'after the beep Twilio is told, not before');
is_deeply($twilio->requests->[-1]{errors}, [], 'as it wants to be');
like($update->{Url} // '', qr{/voice/process-speech}, 'to come back');
is(twiml($hook->($update->{Url})), "Say This is for the machine.\nHangup\n",
    'the message is left, and that is it');
is(session($sid)->{state}, 'ended', 'the call is over');
like(join(' ', map { $_->{text} } @{session($sid)->{conversation}}),
    qr/This is for the machine/, 'with the message in its conversation');

($sid, $hook, $form) = make('hangup', mode => 'gather');
twiml($hook->($form->{Url}));
$before = @{$twilio->requests};
$hook->($form->{AsyncAmdStatusCallback}, AnsweredBy => 'machine_start');
is(updated($before)->{Status}, 'completed', 'a machine is hung up over REST');
is(twiml($hook->('/voice/process-speech', SpeechResult => 'Please leave a message.',
    Confidence => 0.9)), "Hangup\n", 'or by what it says, whichever is first');

($sid, $hook, $form) = make('continue', mode => 'gather');
twiml($hook->($form->{Url}));
$before = @{$twilio->requests};
$hook->($form->{AsyncAmdStatusCallback}, AnsweredBy => 'machine_end_beep');
like(twiml($hook->('/voice/process-speech', SpeechResult => 'Hello.')),
    qr/^Gather /, 'who wants to talk to machines does');
is(scalar @{$twilio->requests}, $before, 'and Twilio is told nothing');

($sid, $hook, $form) = make('message', mode => 'gather');
is(twiml($hook->($form->{Url}, AnsweredBy => 'machine_end_other')),
    "Say This is for the machine.\nHangup\n", 'the verdict in the first webhook');

# ---- before the stream is open

sub stream
{
    my ($policy, $sid, $twiml) = @_;
    my ($token) = $twiml =~ /name=token value=(\w+)/ or die $twiml;
    my $stream = VoiceAI::Stream->open($port, Host => "$policy.example.com");
    $stream->text(start_message($sid, $token));
    return $stream;
}

($sid, $hook, $form) = make('hangup');
my $twiml = twiml($hook->($form->{Url}));
$hook->($form->{AsyncAmdStatusCallback}, AnsweredBy => 'fax');
my $stream = stream('hangup', $sid, $twiml);
is(($stream->closed)[0], 1000, 'a stream that comes after the verdict is closed');
is(twiml($hook->('/voice/continue')), "Hangup\n", 'and the call hung up');
$stream->close;

for my $case (['in the background', sub { $_[0]->($_[1]{AsyncAmdStatusCallback},
        AnsweredBy => 'machine_end_silence') }, ''],
        ['in the webhook', sub { }, 'machine_end_beep']) {
    my ($how, $act, $at_once) = @$case;
    ($sid, $hook, $form) = make('message');
    $twiml = twiml($hook->($form->{Url}, $at_once ? (AnsweredBy => $at_once) : ()));
    like($twiml, qr/^Connect/, "a verdict $how: the stream says the message");
    $act->($hook, $form);
    $stream = stream('message', $sid, $twiml);
    my $bytes = 0;
    while (my ($opcode, $payload) = $stream->next(10)) {
        last if $opcode != 1;
        $bytes++ if $payload =~ /"event":"media"/;
        $stream->text('{"event":"mark","sequenceNumber":"2","streamSid":"MZ",'
            . qq("mark":{"name":"$1"}})) if $payload =~ /"name":"([^"]+)"/;
    }
    cmp_ok($bytes, '>', 0, 'it does');
    is(twiml($hook->('/voice/continue')), "Hangup\n", 'then it is over');
    is(join('|', map { $_->{text} } @{session($sid)->{conversation}}),
        'This is for the machine.', 'and nothing else was said');
    $stream->close;
}

$server->stop;
done_testing();
