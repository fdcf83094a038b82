package VoiceAI::Postgres;

# A PostgreSQL of a test's own, on a Unix socket in a folder of its own.
#
#     my $pg = VoiceAI::Postgres->new;
#     ... $pg->url ...
#     $pg->stop; $pg->start; $pg->pause; $pg->resume;
#     is($pg->query('SELECT count(*) FROM turns'), '3');

use strict;
use warnings;

use File::Basename qw(dirname);
use Time::HiRes qw(sleep);
use VoiceAI;

# Where Debian keeps them, or the path.
sub installed
{
    my ($name) = @_;
    my ($path) = grep { -x }
        reverse(sort glob("/usr/lib/postgresql/*/bin/$name")),
        map { "$_/$name" } split /:/, $ENV{PATH};
    return $path // die "$name is not installed: run ./build.sh deps\n";
}

# The server refuses to run as root, so there it runs as its own user.
sub as_user
{
    return @_ if $> != 0;
    return ('setpriv', '--reuid', 'postgres', '--regid', 'postgres',
        '--clear-groups', '--', @_);
}

sub run
{
    my ($status, $text) = run_command(as_user(@_));
    die "@_: $text\n" if $status != 0;
    return $text;
}

sub new
{
    my ($class) = @_;
    my $self = bless { dir => scratch(), port => free_port() }, $class;

    if ($> == 0) {
        my (undef, undef, $uid, $gid) = getpwnam 'postgres';
        chown $uid, $gid, $self->{dir};
    }
    chmod 0755, $self->{dir};
    # a test of crashes of ours, not of its own: fsync costs time
    run(installed('initdb'), '-D', "$self->{dir}/data", '-A', 'trust',
        '-U', 'voiceai', '-E', 'UTF8', '--locale', 'C', '--no-sync');
    $self->start;
    return $self;
}

sub start
{
    my ($self) = @_;
    $self->{pid} = start_process({ log => "$self->{dir}.log" },
        as_user(installed('postgres'), '-D', "$self->{dir}/data",
            '-k', $self->{dir}, '-p', $self->{port},
            '-c', 'listen_addresses=', '-c', 'fsync=off',
            '-c', 'shared_buffers=16MB', '-c', 'max_connections=20'));
    wait_for(30, sub { defined $self->try('SELECT 1') })
        or die "PostgreSQL did not start: ",
            VoiceAI::slurp("$self->{dir}.log");
}

# Ends it at once, and whoever is connected.
sub stop
{
    my ($self) = @_;
    kill 'CONT', $self->{pid};
    return stop_process($self->{pid}, 'INT');
}

# It goes on listening, and answers nothing.
sub pause { kill 'STOP', $_[0]->processes }

sub resume { kill 'CONT', $_[0]->processes }

sub processes
{
    my ($self) = @_;
    my $pid = $self->{pid};
    return ($pid, split ' ', VoiceAI::slurp("/proc/$pid/task/$pid/children"));
}

sub url
{
    my ($self) = @_;
    return "postgresql://voiceai:not-told\@/postgres?host=$self->{dir}&port=$self->{port}";
}

# What a query says, NULL as nothing and columns with | between; undef if it
# cannot be asked.
sub try
{
    my ($self, $sql) = @_;
    my ($status, $text) = run_command('psql', '-X', '-A', '-t', '-q', '-v',
        'ON_ERROR_STOP=1', '-h', $self->{dir}, '-p', $self->{port}, '-U',
        'voiceai', '-d', 'postgres', '-c', $sql);
    chomp $text;
    return $status == 0 ? $text : undef;
}

sub query
{
    my ($self, $sql) = @_;
    my ($status, $text) = run_command('psql', '-X', '-A', '-t', '-q', '-v',
        'ON_ERROR_STOP=1', '-h', $self->{dir}, '-p', $self->{port}, '-U',
        'voiceai', '-d', 'postgres', '-c', $sql);
    die "$sql: $text\n" if $status != 0;
    chomp $text;
    return $text;
}

1;
