package VoiceAI::Engines;

# Providers that fail as they are told (t/engines/provider.js), and callers who
# read what they hear (t/engines/callers.js).
#
#     my $engines = VoiceAI::Engines->new;
#     ... $engines->line('stt', 'ear', 'max_fails=1') ...
#     my ($one, $two) = $engines->call($server, { host => ..., turns => [...] });
#     is(scalar $engines->requests('ear'), 1);

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use VoiceAI;

my $calls = 0;

sub new
{
    my ($class) = @_;
    my $self = bless { dir => scratch() }, $class;
    my $log = "$self->{dir}/provider";

    start_process({ log => $log }, 'node',
        project_root() . '/t/engines/provider.js');
    wait_for(20, sub { VoiceAI::slurp($log) =~ /"port":(\d+)/ })
        or die "no provider:\n", VoiceAI::slurp($log);
    ($self->{port}) = VoiceAI::slurp($log) =~ /"port":(\d+)/;
    return $self;
}

sub port { return $_[0]{port} }

# Returns a directive for the engine of this name.
sub line
{
    my ($self, $stage, $name, @more) = @_;
    my $format = $stage eq 'tts' ? 'format=ulaw' : '';
    return "voiceai_$stage openai url=http://127.0.0.1:$self->{port}/$name/v1 "
        . "model=$name $format connect_timeout=1s @more;\n";
}

# Has the engine of this name do what another one is called.
sub set
{
    my ($self, $name, $fault) = @_;
    my $answer = HTTP::Tiny->new->get(
        "http://127.0.0.1:$self->{port}/set/$name/$fault");
    die $answer->{content} if !$answer->{success};
}

# Returns the requests for this name so far.
sub requests
{
    my ($self, $name) = @_;
    return grep { ($_->{name} // '') eq $name } map { decode_json($_) }
        grep { /^\{.*\}$/ } split /\n/, VoiceAI::slurp("$self->{dir}/provider");
}

# Places calls, all at once, and returns what came of each.
sub call
{
    my ($self, $server, @plans) = @_;
    for my $plan (@plans) {
        $plan->{call} //= sprintf 'CA%03d', ++$calls;
        $plan->{wav} //= '/usr/share/asterisk/sounds/en/conf-getpin.wav';
        $plan->{max} //= 20000;
    }
    my $file = "$self->{dir}/plan" . ++$calls;
    open my $out, '>', $file or die "$file: $!\n";
    print $out encode_json(\@plans);
    close $out;
    my ($rc, $text) = run_node('engines/callers.js', $server->port, $file);
    my $results = eval { decode_json($text) } or die "callers: $rc $text";
    return @$results;
}

# Returns the lines of the server's log that tell of this.
sub told
{
    my ($self, $server, $what) = @_;
    return join "\n", map { s/, client: .*//r } grep { /voiceai.*\Q$what\E/ }
        split /\n/, $server->log;
}

1;
