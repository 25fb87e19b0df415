"""What is not listed is refused, however it is written."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from machines.printing.addresses import Address, Allowed, Simulated, check, parse, parse_picture, parse_simulated
from machines.printing.gateway import AddressRefused

LAB = Allowed((ip_network("192.168.0.0/16"), ip_network("fd00::/8")), frozenset({80, 443, 5000}))
EVERYTHING = Allowed((ip_network("0.0.0.0/0"), ip_network("::/0")), frozenset({80}))
BESIDE_US = Allowed((ip_network("127.0.0.0/8"), ip_network("192.168.0.0/16")), frozenset({80}))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://192.168.1.20", Address("http", "192.168.1.20", 80, "")),
        ("http://192.168.1.20/", Address("http", "192.168.1.20", 80, "")),
        ("https://OctoPi.local", Address("https", "octopi.local", 443, "")),
        ("http://prusa_1.lan:5000/printers/prusa-1/", Address("http", "prusa_1.lan", 5000, "/printers/prusa-1")),
        ("http://[fd12::7]:5000", Address("http", "fd12::7", 5000, "")),
    ],
)
def test_the_address_of_a_server_is_read(url, address):
    assert parse(url, LAB) == address
    assert parse(str(address), LAB) == address


@pytest.mark.parametrize(
    "url",
    [
        "", "192.168.1.20", "ftp://192.168.1.20", "file:///etc/passwd", "http://", "http:///api", "http://:80",
        "http://192.168.1.20:22", "http://192.168.1.20:0", "http://192.168.1.20:http", "http://192.168.1.20:99999",
        "http://user@192.168.1.20", "http://user:pw@192.168.1.20", "http://192.168.1.20@8.8.8.8",
        "http://192.168.1.20?x=1", "http://192.168.1.20/#x", "http://192.168.1.20/..", "http://192.168.1.20/a/../b",
        "http://192.168.1.20/%2e%2e/b", "http://192.168.1.20/a//b", "http://192.168.1.20/a b", "http://192.168.1.20\\@8.8.8.8",
        " http://192.168.1.20", "http://192.168.1.20\n", "http://192.168.\t1.20", "http://prüsa.lan", "http://a..b", "http://-a",
        "http://[fd12::7", "http://[fe80::1%25eth0]", "http://fd12::7",
        "http://8.8.8.8", "http://10.0.0.1", "http://127.0.0.1", "http://0.0.0.0", "http://169.254.169.254", "http://224.0.0.1",
        "http://[::1]", "http://[::]", "http://[::ffff:127.0.0.1]", "http://[::ffff:8.8.8.8]", "http://[2001:db8::1]",
    ],
)  # fmt: skip
def test_everything_else_is_refused(url):
    with pytest.raises(AddressRefused):
        parse(url, LAB)


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "224.0.0.1", "255.255.255.255"],
)  # fmt: skip
def test_a_wide_open_list_opens_neither_this_machine_nor_what_is_no_host(ip):
    with pytest.raises(AddressRefused):
        check(ip_address(ip), EVERYTHING)


def test_an_address_of_version_four_in_the_clothes_of_six_is_unwrapped():
    assert check(ip_address("::ffff:192.168.1.20"), LAB) == ip_address("192.168.1.20")


def test_this_very_machine_is_called_where_loopback_is_listed_only():
    assert check(ip_address("127.0.0.1"), BESIDE_US, is_ours=True) == ip_address("127.0.0.1")
    assert check(ip_address("192.168.1.2"), BESIDE_US, is_ours=True) == ip_address("192.168.1.2")
    with pytest.raises(AddressRefused):
        check(ip_address("192.168.1.2"), LAB, is_ours=True)


def test_a_camera_may_have_a_query_and_nothing_more():
    found = parse_picture("http://192.168.1.20:5000/webcam/?action=snapshot", LAB)
    assert str(found) == "http://192.168.1.20:5000/webcam/?action=snapshot"
    for url in ("http://8.8.8.8/?action=snapshot", "http://192.168.1.20/../x", "http://192.168.1.20/?a=<b>"):
        with pytest.raises(AddressRefused):
            parse_picture(url, LAB)


def test_a_simulated_printer_has_a_name_and_a_speed():
    assert parse_simulated("simulator://prusa-1") == Simulated("prusa-1", 1.0)
    assert parse_simulated("simulator://prusa-1?speed=30") == Simulated("prusa-1", 30.0)


@pytest.mark.parametrize(
    "url", ["simulator://", "simulator://../x", "simulator://a?speed=0", "simulator://a?speed=-1", "http://a"]
)
def test_a_simulated_printer_with_another_name_is_refused(url):
    with pytest.raises(AddressRefused):
        parse_simulated(url)
