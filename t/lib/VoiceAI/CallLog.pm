package VoiceAI::CallLog;

# Calls for the call log: conversations by webhooks, of which each turn is known
# to be finished when its answer is here, and an eye on what became of them.
#
#     my $calls = VoiceAI::CallLog->new($server);
#     $calls->turn($sid, 'what time is it');     # the caller, and the answer
#     $calls->whole($query) ...

use strict;
use warnings;

use VoiceAI;
use VoiceAI::Http;

sub new
{
    my ($class, $server) = @_;
    return bless { port => $server->port, said => {}, turns => 0 }, $class;
}

sub form
{
    my ($self, $sid, %more) = @_;
    return [CallSid => $sid, AccountSid => 'AC1',
        From => $more{from} // '+15550100001', To => '+15550100002',
        Direction => 'inbound', %{$more{form} // {}}];
}

# Begins a call: it hears the greeting, which is a turn.
sub begin
{
    my ($self, $sid, %more) = @_;
    my $answer = ask($self->{port}, 'POST /voice/incoming',
        form => $self->form($sid, %more,
            form => { CallStatus => 'ringing', %{$more{form} // {}} }));
    die "incoming: $answer->{status} $answer->{body}\n"
        if $answer->{status} != 200;
    $self->{said}{$sid}{'the greeting'}++;
    $self->{turns}++;
}

# Says something that can be told from all else, and hears the answer; dies if
# there is none.
sub turn
{
    my ($self, $sid, $text) = @_;
    $text //= 'turn number ' . $self->{turns};
    my $answer = ask($self->{port}, 'POST /voice/process-speech',
        form => $self->form($sid, form => {
            CallStatus => 'in-progress', SpeechResult => $text,
            Confidence => '0.9' }));
    die "speech: $answer->{status}\n" if $answer->{status} != 200;
    $self->{said}{$sid}{$text}++;
    $self->{turns} += 2;
    return $text;
}

sub status
{
    my ($self, $sid, $status, %more) = @_;
    return ask($self->{port}, 'POST /call-status', form => $self->form($sid,
        form => { CallStatus => $status, %more }));
}

# What is wrong with the database, which $query asks: each turn that was
# finished is there once.
sub faults
{
    my ($self, $query) = @_;
    my %there;
    my $user = 0;

    for my $row (split /\n/, $query->(
        "SELECT call_sid, text FROM turns WHERE role = 'user'")) {
        my ($sid, $text) = split /\|/, $row, 2;
        $there{$sid}{$text}++;
        $user++;
    }
    my @faults;
    for my $sid (sort keys %{$self->{said}}) {
        for my $text (sort keys %{$self->{said}{$sid}}) {
            next if $text eq 'the greeting';
            my $n = $there{$sid}{$text} // 0;
            push @faults, "$sid: \"$text\" is there $n times" if $n != 1;
        }
    }
    my $all = $query->('SELECT count(*) FROM turns');
    push @faults, "$all turns in place of $self->{turns}"
        if $all != $self->{turns};
    my $calls = $query->('SELECT count(*) FROM calls');
    push @faults, "$calls calls in place of " . keys %{$self->{said}}
        if $calls != keys %{$self->{said}};
    return @faults;
}

# Waits until nothing is wrong any more; returns what is.
sub settle
{
    my ($self, $query, $seconds) = @_;
    my @faults;
    wait_for($seconds // 20, sub { !(@faults = $self->faults($query)) });
    return join "\n", splice @faults, 0, 10;
}

1;
