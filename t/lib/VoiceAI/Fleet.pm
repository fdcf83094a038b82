package VoiceAI::Fleet;

# Machines that share their calls through a Redis of the test's own, and a
# Twilio that talks to them.
#
#     my $fleet = VoiceAI::Fleet->new;
#     $fleet->machine($_) for 'a', 'b';
#     my ($call, $stream) = $fleet->call('a', 'b');
#
# The first name is the machine of the webhook, the second that of the stream.

use strict;
use warnings;

use Exporter qw(import);
use FakeTwilio;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;

our @EXPORT = qw(until_event);

my $calls = 0;

sub new
{
    my ($class, %options) = @_;
    my $self = bless { dir => scratch(), key => 'open-sesame-87',
        password => 'red is a colour', port => free_port(),
        twilio => FakeTwilio->start, machine => {}, %options }, $class;

    open my $speech, '>', "$self->{dir}/speech" or die;
    print $speech "\x90\x10" x 4000;
    close $speech;

    $self->start_redis;
    $ENV{VOICEAI_TEST_REDIS} = $self->{password};
    return $self;
}

sub start_redis
{
    my ($self) = @_;
    $self->{redis} = start_process({ log => "$self->{dir}/redis.log" },
        'redis-server', '--port', $self->{port}, '--bind', '127.0.0.1',
        '--save', '', '--appendonly', 'no', '--requirepass',
        $self->{password}, '--dir', $self->{dir});
    wait_port($self->{port}, 20)
        or die VoiceAI::slurp("$self->{dir}/redis.log");
}

# What Redis answers to a command.
sub ask_redis
{
    my ($self, @command) = @_;
    local $ENV{REDISCLI_AUTH} = $self->{password};
    my (undef, $out) = run_command('redis-cli', '-p', $self->{port}, @command);
    return $out;
}

# Whether so many machines come to be known, with all of their workers.
sub known
{
    my ($self, $n) = @_;
    return wait_for(10, sub {
        return if $self->ask_redis('SCARD', 'voiceai:machines:calls')
            !~ /^$n$/m;
        return !grep {
            $self->api($_, 'GET /metrics')->{body} !~ /^voiceai_redis_up 1$/m
        } keys %{$self->{machine}};
    });
}

# Starts a machine, with an assistant that talks for long and hears one thing
# only.
sub machine
{
    my ($self, $name, $more) = @_;
    my $twilio = $self->{twilio};
    $more //= '';
    return $self->{machine}{$name} = VoiceAI::Server->new(workers => 2,
        main => 'env VOICEAI_TEST_REDIS;', http => <<"END");
    voiceai_redis redis://127.0.0.1:$self->{port}
        password=env:VOICEAI_TEST_REDIS timeout=400ms;
    voiceai_zone calls 2m;
    voiceai_api_key $self->{key};
    voiceai_signature off;
    voiceai_public_url https://voice.example.com;
    voiceai_twilio_account_sid @{[$twilio->account]};
    voiceai_twilio_auth_token @{[$twilio->token]};
    voiceai_twilio_number +15550100002;
    voiceai_twilio_api_url @{[$twilio->base]};
    voiceai_greeting "Hello, this is machine $name.";
    voiceai_idle_timeout 60s;
    voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    voiceai_tts openai url=http://127.0.0.1:%%TLS%%/v1 format=ulaw rate=8000;
    $more
    server {
        listen 127.0.0.1:%%TLS%%;
        access_log off;
        location = /v1/audio/transcriptions {
            return 200 '{"text":"what time is it"}';
        }
        location = /v1/audio/speech {
            default_type audio/basic;
            alias $self->{dir}/speech;
            error_page 405 =200 \$uri;
        }
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Machine $name always;
        voiceai on;
    }
END
}

sub api
{
    my ($self, $on, $line, %more) = @_;
    return ask($self->{machine}{$on}->port, $line, key => $self->{key}, %more);
}

sub sessions
{
    my ($self, $on) = @_;
    return @{($self->api($on, 'GET /sessions')->{json} // {})->{sessions}
        // []};
}

sub hook
{
    my ($self, $on, $path, $call, @form) = @_;
    return ask($self->{machine}{$on}->port, "POST $path", form => [
        CallSid => $call, AccountSid => $self->{twilio}->account,
        From => '+15550100001', To => '+15550100002', Direction => 'inbound',
        @form]);
}

# Opens the stream that the answer to a webhook asks for.
sub stream_of
{
    my ($self, $on, $call, $hook) = @_;
    my ($token) = $hook->{body} =~ /name="token" value="(\w+)"/
        or return diag("no token: $hook->{status} $hook->{body}");
    my $stream = VoiceAI::Stream->open($self->{machine}{$on}->port)
        // die "no handshake\n";
    $stream->text(start_message($call, undef,
        parameters => qq({"token":"$token"})));
    return $stream;
}

# A new call: its name and its stream.
sub call
{
    my ($self, $first, $second) = @_;
    my $call = sprintf 'CA%032d', ++$calls;
    return ($call, $self->stream_of($second, $call,
        $self->hook($first, '/voice/incoming', $call)));
}

# Whether the stream brings such a message.
sub until_event
{
    my ($stream, $event, $seconds) = @_;
    my $end = time + ($seconds // 10);
    while (time < $end) {
        my ($opcode, $payload) = $stream->next($end - time);
        return if !defined $opcode || $opcode != 1;
        return 1 if $payload =~ /"event":"$event"/;
    }
    return;
}

sub state_of
{
    my ($self, $on, $call) = @_;
    return ($self->api($on, "GET /session/$call")->{json} // {})->{state}
        // 'none';
}

# The texts of a conversation, as a machine knows it.
sub conversation
{
    my ($self, $on, $call) = @_;
    my $json = $self->api($on, "GET /session/$call")->{json} // {};
    return map { $_->{text} // '' } @{$json->{conversation} // []};
}

# Whether that comes to be said in the call.
sub said
{
    my ($self, $on, $call, $text) = @_;
    return wait_for(10, sub {
        return scalar grep { /$text/ } $self->conversation($on, $call);
    });
}

1;
