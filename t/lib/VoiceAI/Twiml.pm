package VoiceAI::Twiml;

# TwiML read by something that is not ours, and held against Twilio's grammar.
#
#     my ($faults, $text) = read_twiml($body);
#
# The text has one element a line, attributes in the order of their names,
# children indented.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use JSON::PP ();
use VoiceAI;

our @EXPORT = qw(read_twiml);

# Returns what the oracle found wrong, and the document as text.
sub read_twiml
{
    my ($body) = @_;
    my $file = File::Temp->new;
    binmode $file;
    print $file $body;
    close $file;

    my ($status, $out) = run_node('oracle/twiml.js', '--json', "$file");
    return ($out, '') if $status;
    my $root = JSON::PP->new->utf8->decode($out);
    return ('', join '', map { element($_, '') } @{$root->{children}});
}

sub element
{
    my ($e, $indent) = @_;
    my $attributes = $e->{attributes};
    my $line = join ' ', "$indent$e->{name}",
        (map { "$_=$attributes->{$_}" } sort keys %$attributes),
        length $e->{text} ? $e->{text} : ();
    $line =~ s/([\n\r\t])/sprintf '\\x%02x', ord $1/ge;
    utf8::encode($line);

    return join '', "$line\n",
        map { element($_, "$indent  ") } @{$e->{children}};
}

1;
