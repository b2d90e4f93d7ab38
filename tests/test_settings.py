"""Settings: each flag and its environment twin, and all problems told at once."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright.model.addresses import Proxy
from gpuwright.settings import PREFIX, BadSettings, Settings, parse_settings, parser

DEFAULTS = Settings(
    watch_namespaces=(),
    namespace="gpuwright-system",
    leader_elect=True,
    http_host="0.0.0.0",
    http_port=8080,
    allowed=(),
    proxy=None,
    log_format="json",
    log_level="info",
    cluster_id="",
    secret_finalizers=True,
)

# Flag as it is written, variable and value, field of Settings, what it is then.
TWINS = [
    (["--watch-namespace", "team-a"], "WATCH_NAMESPACE", "team-a", "watch_namespaces", ("team-a",)),
    (["--namespace", "ops"], "NAMESPACE", "ops", "namespace", "ops"),
    (["--no-leader-elect"], "LEADER_ELECT", "false", "leader_elect", False),
    (["--leader-elect"], "LEADER_ELECT", "true", "leader_elect", True),
    (["--http-bind", "127.0.0.1:9000"], "HTTP_BIND", "127.0.0.1:9000", "http_port", 9000),
    (
        ["--allow-endpoint-cidr", "10.1.0.0/16"],
        "ALLOW_ENDPOINT_CIDR",
        "10.1.0.0/16",
        "allowed",
        (ip_network("10.1.0.0/16"),),
    ),
    (
        ["--provider-proxy", "http://proxy.example:3128"],
        "PROVIDER_PROXY",
        "http://proxy.example:3128",
        "proxy",
        Proxy("proxy.example", 3128),
    ),
    (["--log-format", "text"], "LOG_FORMAT", "text", "log_format", "text"),
    (["--log-level", "debug"], "LOG_LEVEL", "debug", "log_level", "debug"),
    (["--cluster-id", "blue"], "CLUSTER_ID", "blue", "cluster_id", "blue"),
    (["--no-secret-finalizers"], "NO_SECRET_FINALIZERS", "true", "secret_finalizers", False),
]


def problems_of(*arguments: str, **environment: str) -> tuple[str, ...]:
    """Return the lines that are told."""
    with pytest.raises(BadSettings) as caught:
        parse_settings(arguments, {PREFIX + name: value for name, value in environment.items()})
    return caught.value.lines


def test_nothing_needs_to_be_set() -> None:
    assert parse_settings([], {}) == DEFAULTS


@pytest.mark.parametrize(
    ("flag", "variable", "value", "field", "meaning"), TWINS, ids=[" ".join(flag) for flag, *_rest in TWINS]
)
def test_each_flag_has_a_twin_in_the_environment(
    flag: list[str], variable: str, value: str, field: str, meaning: object
) -> None:
    by_flag = parse_settings(flag, {})
    by_environment = parse_settings([], {PREFIX + variable: value})
    assert getattr(by_flag, field) == getattr(by_environment, field) == meaning
    assert by_flag == by_environment


def test_no_flag_is_without_a_twin_here() -> None:
    flags = {option for action in parser()._actions for option in action.option_strings} - {"-h", "--help"}
    assert flags == {flag[0] for flag, *_rest in TWINS}


@pytest.mark.parametrize(("flag", "variable", "value"), [(flag, name, word) for flag, name, word, *_rest in TWINS])
def test_a_flag_wins_over_its_twin(flag: list[str], variable: str, value: str) -> None:
    opposite = {"true": "false", "false": "true"}.get(value, "0.0.0.0:1" if "BIND" in variable else "warning")
    opposite = {"LOG_FORMAT": "json", "ALLOW_ENDPOINT_CIDR": "192.0.2.0/24"}.get(variable, opposite)
    assert parse_settings(flag, {PREFIX + variable: opposite}) == parse_settings(flag, {})


@pytest.mark.parametrize("variable", sorted({name for _flag, name, *_rest in TWINS}))
def test_an_empty_variable_is_the_same_as_none(variable: str) -> None:
    """A chart writes them all, and leaves empty what nobody has set."""
    assert parse_settings([], {PREFIX + variable: ""}) == DEFAULTS


def test_lists_are_repeated_on_the_command_line_and_split_at_commas_in_the_environment() -> None:
    by_flag = parse_settings(["--watch-namespace", "a", "--watch-namespace", "b"], {})
    by_environment = parse_settings([], {"GPUWRIGHT_WATCH_NAMESPACE": " a, b,,"})
    assert by_flag.watch_namespaces == by_environment.watch_namespaces == ("a", "b")


@pytest.mark.parametrize(
    ("value", "host", "port"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
        ("[::]:8080", "::", 8080),
        ("localhost:80", "localhost", 80),
    ],
)
def test_an_address_to_listen_at_is_host_and_port(value: str, host: str, port: int) -> None:
    settings = parse_settings(["--http-bind", value], {})
    assert (settings.http_host, settings.http_port) == (host, port)


@pytest.mark.parametrize(
    "value", ["8080", "localhost", "localhost:", "localhost:http", "a:65536", "a:-1", "a:²", "a:٣"]
)
def test_an_address_that_is_none_is_told(value: str) -> None:
    assert problems_of("--http-bind", value) == (f"--http-bind {value}: write host:port, such as 127.0.0.1:8080",)


@pytest.mark.parametrize("value", ["10.1.2.3/16", "10.1.0.0/33", "everything", "10.1", "fe80::/129"])
def test_a_network_that_is_none_is_told(value: str) -> None:
    (line,) = problems_of("--allow-endpoint-cidr", value)
    assert line.startswith(f"--allow-endpoint-cidr {value}: write a network, such as 10.1.0.0/16")


@pytest.mark.parametrize("value", ["127.0.0.1", "127.0.0.1/32", "::1/128", "fd00::/8"])
def test_networks_of_both_families_are_taken(value: str) -> None:
    assert parse_settings(["--allow-endpoint-cidr", value], {}).allowed == (ip_network(value),)


@pytest.mark.parametrize("value", ["Team-A", "-a", "a-", "a.b", "a_b", "a" * 64, "a/b", "ü"])
@pytest.mark.parametrize("flag", ["--namespace", "--watch-namespace"])
def test_a_name_that_no_namespace_can_have_is_told(flag: str, value: str) -> None:
    # With "=", because a value that begins with "-" would be taken for a flag.
    assert problems_of(f"{flag}={value}") == (f"{flag} {value}: write the name of a namespace, such as team-a",)


@pytest.mark.parametrize("value", ["a", "a" * 63, "0", "team-a"])
def test_a_name_that_a_namespace_can_have_is_taken(value: str) -> None:
    assert parse_settings(["--namespace", value], {}).namespace == value


def test_all_problems_are_told_at_once_one_line_each() -> None:
    lines = problems_of(
        "--http-bind",
        "nowhere",
        "--allow-endpoint-cidr",
        "all",
        "--allow-endpoint-cidr",
        "more",
        "--log-level",
        "loud",
        "--watch-namespace",
        "Team",
        LEADER_ELECT="perhaps",
        LOG_FORMAT="xml",
        NAMESPACE="Ops",
    )
    assert len(lines) == 8
    assert all(line.count("\n") == 0 and "write" in line for line in lines)
    assert "GPUWRIGHT_LEADER_ELECT=perhaps: write true or false" in lines
    assert "--log-format xml: write one of json, text" in lines


def test_an_error_reads_as_its_lines() -> None:
    assert str(BadSettings(["a: write b", "c: write d"])) == "a: write b\nc: write d"


@pytest.mark.parametrize("level", ["debug", "INFO", "Warning", "error"])
def test_levels_are_taken_in_any_spelling(level: str) -> None:
    assert parse_settings(["--log-level", level], {}).log_level == level.lower()


def test_an_unknown_flag_ends_the_process_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_settings(["--no-such-flag"], {})
    assert caught.value.code == 2
    assert "--no-such-flag" in capsys.readouterr().err


def test_help_names_every_flag_and_how_to_set_it_by_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_settings(["--help"], {})
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for flag, *_rest in TWINS:
        assert flag[0] in shown
    assert "GPUWRIGHT_LOG_LEVEL" in shown
    # Every flag says what it does.
    assert all(action.help for action in parser()._actions)


@given(st.dictionaries(st.sampled_from([name for _flag, name, *_rest in TWINS]), st.text(max_size=20)))
def test_whatever_the_environment_holds_is_taken_or_told(environment: dict[str, str]) -> None:
    variables = {PREFIX + name: value for name, value in environment.items()}
    try:
        parse_settings([], variables)
    except BadSettings as error:
        told = error.lines
    else:
        return
    assert told
    assert all("write" in line for line in told)


def test_a_proxys_password_becomes_its_header_and_is_shown_nowhere() -> None:
    proxy = parse_settings(["--provider-proxy", "http://us%40er:pa%3Ass@[::1]:3128/"], {}).proxy
    assert proxy == Proxy("::1", 3128, "Basic dXNAZXI6cGE6c3M=")
    assert "dXNAZXI6cGE6c3M=" not in repr(proxy)


@pytest.mark.parametrize(
    "url",
    [
        "proxy.example:3128",
        "https://proxy.example:3128",
        "http://proxy.example",
        "http://proxy.example:0",
        "http://proxy.example:70000",
        "http://user:canary@:3128",
        "http://user:canary@proxy.example:3128/path",
        "http://user:canary@proxy.example:3128?a",
    ],
)
def test_a_proxy_that_is_none_is_told_without_its_password(url: str) -> None:
    (words,) = problems_of("--provider-proxy", url)
    assert "write http://host:port" in words
    assert "canary" not in words
