package VoiceAI::Webhook;

# More sections for blocks that play Twilio's webhooks:
#
#     url           target of the request, /voice/incoming unless told
#     form          body of a POST, and its type; without it the request is a
#                   GET, unless the block has a "request" of its own
#     signed        the URL as Twilio knows it: the request gets the signature
#                   that Twilio's own library makes for it
#     signed_form   what is signed in place of the form
#     flip          which character of the signature is changed
#     twiml         the answer as elements, attributes and texts, one element a
#                   line, children indented; tokens are T1, T2, ... in the
#                   order in which they appear
#     whole_log     lines that the error log must have when the block is over
#
# A document of a "twiml" section is also held against Twilio's grammar.

use strict;
use warnings;

use Exporter qw(import);
use Test::Nginx::Socket;
use VoiceAI;
use VoiceAI::Twiml;

our @EXPORT = qw(auth_token signature);

my $token = '12345';
my %signatures;

# Returns the auth token with which requests are signed.
sub auth_token
{
    return $token;
}

# Returns the X-Twilio-Signature of a URL with a form.
sub signature
{
    my ($url, $form) = @_;
    $form //= '';

    return $signatures{$url, $form} //= do {
        my ($status, $out) = run_node('oracle/sign.js', 'sign',
            '--token', $token, '--url', $url, '--form', $form);
        die "sign.js: $out" if $status;
        chomp $out;
        $out;
    };
}

# Numbers the tokens, so that documents can be compared.
sub number_tokens
{
    my ($body, $tokens) = @_;
    return $body =~ s{(name="token" value=")([0-9a-f]{32})"}{
        $tokens->{$2} = 1 + keys %$tokens if !exists $tokens->{$2};
        qq($1T$tokens->{$2}")
    }ger;
}

Test::Nginx::Socket::add_block_preprocessor(sub {
    my ($block) = @_;
    my $form = $block->form;
    my $headers = $block->more_headers // '';
    my $url = $block->url // '/voice/incoming';

    chomp($form) if defined $form;
    chomp $url;

    $block->set_value('no_error_log', "[error]\n[warn]")
        if !defined $block->no_error_log && !defined $block->must_die;

    if (defined $block->signed) {
        chomp(my $signed = $block->signed);
        my $signature = signature($signed, $block->signed_form // $form);
        if (defined(my $at = $block->flip)) {
            substr($signature, $at, 1) =~ tr/A-Za-z/B-ZAb-za/
                or substr($signature, $at, 1) = 'A';
        }
        $headers .= "X-Twilio-Signature: $signature\n";
    }

    if (defined $form) {
        $headers .= "Content-Type: application/x-www-form-urlencoded\n"
            if $headers !~ /^Content-Type:/mi;
        $block->set_value('request', "POST $url\n$form");

    } elsif (!defined $block->request && !defined $block->raw_request
             && !defined $block->pipelined_requests
             && !defined $block->must_die) {
        $block->set_value('request', "GET $url");
    }

    $block->set_value('more_headers', $headers) if length $headers;
});

my ($current, %tokens, %known) = ('');

Test::Nginx::Socket::add_response_body_check(sub {
    my ($block, $body, $index) = @_;
    my $expected = $block->twiml;
    my $name = $block->name;

    return if !defined $expected;
    %tokens = () if $name ne $current;
    $current = $name;

    $expected = $expected->[$index] if ref $expected;
    return if !defined $expected;
    $expected =~ s/\n*\z/\n/;

    $body = number_tokens($body, \%tokens);
    $known{$body} //= [read_twiml($body)];
    is($known{$body}[0], '', "$name - TwiML that Twilio takes, answer $index");
    is($known{$body}[1], $expected, "$name - what it says, answer $index");
});

# Test::Nginx reads of the error log only what is new since the answer before.
Test::Nginx::Util::add_test_cleanup_handler(sub {
    my ($block) = @_;
    open my $in, '<', $Test::Nginx::Util::ErrLogFile or return;
    my $log = do { local $/; <$in> };

    for my $line (split /\n/, $block->whole_log // '') {
        ok($log =~ /\Q$line\E/, $block->name . " - the log tells: $line");
    }
});

1;
