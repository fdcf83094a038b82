package FakeTwilio;

# Twilio's REST API for the tests: oracle/twilio_rest.js, which validates every
# request against an OpenAPI description, and how to ask it what it has seen.
#
#     my $twilio = FakeTwilio->start;
#     ... base URL: $twilio->base, account: $twilio->account ...
#     $twilio->fault({ status => 429, retry_after => 3 });
#     is_deeply($twilio->requests->[0]{errors}, [], 'a valid request');
#
# The environment may name another description: TWILIO_OPENAPI.

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use VoiceAI;

# Starts one on a free port.  Options: spec (a file), account, token.
sub start
{
    my ($class, %options) = @_;
    my $self = bless {
        port => free_port(),
        account => $options{account} // 'AC' . '0' x 32,
        token => $options{token} // 'token',
        http => HTTP::Tiny->new(timeout => 10),
    }, $class;
    my @spec = defined $options{spec} ? ('--spec', $options{spec}) : ();

    $self->{log} = scratch() . '/twilio.log';
    $self->{pid} = start_process({ log => $self->{log} },
        'node', project_root() . '/t/oracle/twilio_rest.js',
        '--port', $self->{port}, '--account', $self->{account},
        '--token', $self->{token}, @spec);
    wait_port($self->{port}, 30) or die "Twilio's REST API did not start\n";
    return $self;
}

sub stop { return stop_process($_[0]{pid}) }

sub port { return $_[0]{port} }

sub account { return $_[0]{account} }

sub token { return $_[0]{token} }

# Returns the base URL of the API, as a directive wants it.
sub base { return "http://127.0.0.1:$_[0]{port}/2010-04-01" }

sub ask
{
    my ($self, $method, $path, $data) = @_;
    my $response = $self->{http}->request($method,
        "http://127.0.0.1:$self->{port}/oracle$path",
        defined $data ? {
            headers => { 'content-type' => 'application/json' },
            content => encode_json($data),
        } : {});

    die "$method $path: $response->{status} $response->{content}\n"
        if !$response->{success};
    return length $response->{content} ? decode_json($response->{content}) : 1;
}

# Returns what was asked so far: method, path, user, form, errors, status.
sub requests { return $_[0]->ask('GET', '/requests') }

sub forget { return $_[0]->ask('DELETE', '/requests') }

# Returns the calls that were made.
sub calls { return $_[0]->ask('GET', '/calls') }

# Changes a call, such as set_call($sid, { status => 'completed' }).
sub set_call { return $_[0]->ask('PUT', "/calls/$_[1]", $_[2]) }

# Spoils answers (see oracle/twilio_rest.js --help), all right again without.
sub fault
{
    my ($self, $fault) = @_;
    return $self->ask(defined $fault ? 'PUT' : 'DELETE', '/fault', $fault);
}

1;
