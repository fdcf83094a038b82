# The requests that the core builds for Twilio's REST API, validated against
# descriptions of it by a validator that is not ours.
#
# TWILIO_OPENAPI names a description besides our own, such as Twilio's.

use strict;
use warnings;

use lib 't/lib';
use VoiceAI;
use FakeTwilio;
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Test::More;

my $root = project_root();
my $requests = scratch() . '/requests';
my $http = HTTP::Tiny->new(timeout => 2);

# From the sources, because a library may be built with a sanitizer.
my @sources = map { "$root/src/$_.c" } qw(base/va_base base/va_buf
    wire/va_form wire/va_json wire/va_text wire/va_utf8
    twilio/va_address twilio/va_rest twilio/va_twiml);
my ($rc, $said) = run_command('sh', '-c',
    'cc -std=c11 -D_GNU_SOURCE -I "$0/src" $(pkg-config --cflags yajl) '
    . '-o "$@" $(pkg-config --libs yajl) -lm',
    $root, $requests, "$root/t/oracle/requests.c", @sources);
is($rc, 0, 'the requests are built') or BAIL_OUT($said);

sub post
{
    my ($twilio, $url, $form, $token) = @_;
    my $pair = $twilio->account . ':' . ($token // $twilio->token);
    $url =~ s{^http://}{http://$pair\@};
    my $response = $http->request('POST', $url, {
        headers => { 'content-type' => 'application/x-www-form-urlencoded' },
        content => $form,
    });
    $response->{json} = eval { decode_json($response->{content}) };
    return $response;
}

sub built
{
    my ($twilio, $call) = @_;
    my ($status, $lines) = run_command($requests, $twilio->base,
        $twilio->account, $call);
    die $lines if $status != 0;
    return map { [split /\t/] } split /\n/, $lines;
}

# Returns what another reader of TwiML says against a document.
sub twiml_faults
{
    my ($document) = @_;
    my $file = scratch() . '/document.xml';
    open my $out, '>:encoding(UTF-8)', $file or die "$file: $!\n";
    print $out $document;
    close $out;
    return (run_node('oracle/twiml.js', $file))[1];
}

# Everything that is built is valid, and nothing of it is lost on the way.
sub accepts
{
    my ($twilio, $name) = @_;
    my %status = (create => 201, update => 200);
    my @all = built($twilio, 'CA' . '0' x 32);
    my $n = 0;

    $twilio->forget;
    for my $request (grep { $_->[1] =~ /Calls\.json$/ } @all) {
        my $response = post($twilio, @$request[1, 2]);
        is($response->{status}, 201, "$name: a call, $request->[0]")
            or diag($response->{content});
        $n++;
    }
    my ($call) = map { $_->{sid} } @{ $twilio->calls };
    for my $request (grep { $_->[1] =~ m{/Calls/CA} } built($twilio, $call)) {
        my $response = post($twilio, @$request[1, 2]);
        is($response->{status}, 200, "$name: a change, $request->[0]")
            or diag($response->{content});
        $n++;
    }
    is($n, 8, "$name: that was all");
    my $seen = $twilio->requests;
    is_deeply([map { @{ $_->{errors} } } @$seen], [], "$name: without errors");
    is($seen->[1]{form}{To}, 'sip:bob@example.com;transport=tls?X-A=1&X-B=%20+',
        "$name: what was escaped comes back");
    is_deeply($seen->[2]{form}{StatusCallbackEvent},
        [qw(initiated ringing answered completed)],
        "$name: all events are asked for");
    like($seen->[5]{form}{Twiml}, qr{A &amp; B .* &quot;&lt;&gt;&quot;\?</Say>},
        "$name: TwiML in a form");
    is(twiml_faults($seen->[5]{form}{Twiml}), '', "$name: which is right");
    return;
}

# It can say no, or what it accepts would prove nothing.
sub refuses
{
    my ($twilio, $name) = @_;
    my ($least) = built($twilio, 'CA' . '0' x 32);
    my ($url, $form) = @$least[1, 2];
    my %wrong = (
        'a parameter that there is not' => "$form&Foo=1",
        'a misspelt one' => $form =~ s/Method=/method=/r,
        'one that is missing' => $form =~ s/From=[^&]*&//r,
        'one that stands twice' => "$form&Method=GET",
        'a number that is none' => "$form&Timeout=soon",
        'a boolean that is none' => "$form&Record=maybe",
        'a method that is none' => $form =~ s/POST/PUT/r,
        'a URL that is none' => $form =~ s/Url=https%3A/Url=/r,
        'an address that is none' => $form =~ s/%2B1555/1555/r,
    );

    for my $what (sort keys %wrong) {
        my $response = post($twilio, $url, $wrong{$what});
        is($response->{status}, 400, "$name: refuses $what")
            or diag($response->{content});
    }
    is(post($twilio, $url, $form, 'wrong')->{json}{code}, 20003,
        "$name: refuses a wrong token");
    is(post($twilio, $url =~ s/AC0/AC/r, $form)->{status}, 400,
        "$name: refuses another account's form of SID");
    my $change = $url =~ s{\.json}{'/CA' . '1' x 32 . '.json'}er;
    is(post($twilio, $change, 'Status=completed')->{json}{code}, 20404,
        "$name: knows no call that was not made");
    is(post($twilio, $change, 'Status=over')->{status}, 400,
        "$name: refuses a status that is none");
    return;
}

sub spoils
{
    my ($twilio) = @_;
    my ($least) = built($twilio, 'CA' . '0' x 32);
    my $ask = sub { post($twilio, @$least[1, 2]) };
    my $sid = $twilio->calls->[0]{sid};

    $twilio->fault({ status => 429, retry_after => 3, times => 1 });
    my $response = $ask->();
    is_deeply([@$response{qw(status)}, $response->{headers}{'retry-after'},
        $response->{json}{code}], [429, 3, 20429], 'says when to come back');
    is($ask->()->{status}, 201, 'and that only once');
    for my $fault (qw(silent cut half)) {
        $twilio->fault({ fault => $fault });
        is($ask->()->{status}, 599, "$fault: no answer");
    }
    $twilio->fault({ fault => 'torn' });
    $response = $ask->();
    ok($response->{status} == 201 && !$response->{json}, 'torn: half of JSON');
    $twilio->fault({ fault => 'page' });
    like($ask->()->{content}, qr/<html>/, 'page: HTML');
    $twilio->fault;
    is($ask->()->{status}, 201, 'all is well again');

    $twilio->set_call($sid, { status => 'completed' });
    is(post($twilio, $least->[1] =~ s{\.json}{/$sid.json}r,
        'Status=completed')->{json}{code}, 21220, 'a call ends once');
    return;
}

my %specs = ('our description' => "$root/t/oracle/calls.yaml");
$specs{'the description named'} = $ENV{TWILIO_OPENAPI} if $ENV{TWILIO_OPENAPI};

for my $name (sort keys %specs) {
    my $twilio = FakeTwilio->start(spec => $specs{$name});
    accepts($twilio, $name);
    refuses($twilio, $name);
    spoils($twilio) if $name eq 'our description';
    $twilio->stop;
}

done_testing();
