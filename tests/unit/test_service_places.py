"""Addresses that clients name: what is refused, what a list admits, and which are public."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stills.service.places import Allowed, RefusedAddressError, take_apart, why_not
from stills.service.sources import SCHEMES

SECRET = "s3cret"  # noqa: S105 - it opens nothing


@pytest.mark.parametrize(
    "address",
    [
        "", "film.mp4", "//media.example.org/x", "https:media.example.org", "https:///x", "https://",
        "https://:443/x",
        "file:///etc/passwd", "ftp://media.example.org/x", "data:video/mp4;base64,AAAA",
        "gopher://media.example.org/x",
        "concat:https://media.example.org/x", "zip::https://media.example.org/x", "simplecache::s3://bucket/x",
        "javascript://media.example.org/x", "HTTPS+unix://media.example.org/x",
        f"https://user:{SECRET}@media.example.org/x", "https://media.example.org@evil.example/x", "https://@media.example.org/",
        "https://media.example.org:0/x", "https://media.example.org:99999/x", "https://media.example.org:80:443/x",
        "https://media.example.org:x/", "https://media.example.org\\@evil.example/x",
        "https://evil.example\\.media.example.org/",
        "https://media.example.org /x", "https://media.exa\tmple.org/x",
        "https://media.example.org/x\r\nHost: evil", "https://media\x00.example.org/",
        "https://media.example.org/#x", "https://media..example.org/", "https://-media.example.org/",
        "https://%6dedia.example.org/",
        "https://media.example.org%00.evil.example/", "https://[::1/", "https://[fe80::1%25eth0]/x",
        "https://[fe80::1%eth0]/", "https://[1.2.3.4]/", "https://[v1.x]/",
        "https://2130706433/x", "https://0x7f000001/x", "https://017700000001/x", "https://0x7f.0.0.1/",
        "https://127.1/x", "https://0177.0.0.1/", "https://127.0.0.01/",
        "https://127.0.0.1.0x7f/", "https://1.2.3.4.5/", "https://256.1.1.1/", "https://0/",
        "https://" + "a" * 64 + ".example.org/", "https://media.example.org/" + "x" * 5000,
        "s3://bucket", "s3://bucket/", "s3:///key", "s3://user@bucket/key", "s3://bucket:80/key",
        "s3://bucket/key?versionId=1", "s3://bucket/a::https://evil.example/",
        "s3://BUCKET/key", "s3://b/key",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_refused(address: str) -> None:
    with pytest.raises(RefusedAddressError) as caught:
        take_apart(address, SCHEMES)
    assert SECRET not in str(caught.value)


def test_what_is_plain_is_understood() -> None:
    place = take_apart("HTTPS://Media.Example.ORG.:8443/films/ein film?sig=a b".replace(" ", "%20"), SCHEMES)
    assert (place.scheme, place.host, place.port) == ("https", "media.example.org", 8443)
    assert (place.path, place.query, place.netloc) == ("/films/ein%20film", "sig=a%20b", "media.example.org:8443")
    assert take_apart("http://[2001:DB8::1]/x", SCHEMES).netloc == "[2001:db8::1]"
    assert take_apart("https://bücher.example/ü", SCHEMES).address == "https://xn--bcher-kva.example/%C3%BC"
    # Digits that only look like ASCII are digits to resolvers.
    assert take_apart("https://①②⑦.⓪.⓪.①/", SCHEMES).host == "127.0.0.1"
    bucket = take_apart("s3://my.bucket.2024/a b%20c.mp4".replace(" ", "_"), SCHEMES)
    assert (bucket.host, bucket.path, bucket.bucket) == ("my.bucket.2024", "/a_b%20c.mp4", True)


@given(st.text(max_size=60))
def test_nothing_but_refusals_comes_of_any_text(text: str) -> None:
    for address in (text, f"https://{text}", f"https://media.example.org/{text}", f"s3://{text}"):
        try:
            place = take_apart(address, SCHEMES)
        except RefusedAddressError:
            continue
        assert place.address.isascii() or place.bucket
        assert not set(place.host) & set("@/\\?#% \t\r\n")
        assert "\n" not in place.address


ALLOWED = Allowed((
    "media.example.org", "*.cdn.example", "198.51.100.7:8080", "[2001:db8::7]", "https://www.example.net/films/",
    "http://localhost:9000/", "s3://bucket/films/", "s3://whole/",
))  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        "https://media.example.org/x", "http://media.example.org/x", "https://MEDIA.example.org./x",
        "https://a.cdn.example/",
        "https://a.b.cdn.example/", "http://198.51.100.7:8080/x", "https://[2001:db8:0::7]/",
        "https://www.example.net/films/a/b",
        "https://www.example.net/%66ilms/a", "http://localhost:9000/anything", "s3://bucket/films/a",
        "s3://whole/a/../b",
        "https://media.example.org/a/%2e%2e/b",
    ],
)  # fmt: skip
def test_what_the_list_has_is_admitted(address: str) -> None:
    assert ALLOWED.admits(take_apart(address, SCHEMES))


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/x", "https://xmedia.example.org/", "https://media.example.org.evil.example/",
        "https://cdn.example/",
        "https://xcdn.example/", "https://media.example.org:8443/", "http://media.example.org:22/",
        "http://198.51.100.7/",
        "https://198.51.100.70:8080/", "http://www.example.net/films/a", "https://www.example.net/film",
        "https://www.example.net/filmsx/",
        "https://www.example.net/films/../secret", "https://www.example.net/films/%2e%2e/secret",
        "https://www.example.net/films/%252e%252e/s",
        "https://www.example.net/films/..%2fsecret", "https://www.example.net/films/..%5csecret",
        "https://www.example.net/films/./a",
        "http://localhost:9001/", "https://localhost:9000/", "s3://bucket/other", "s3://bucket/films",
        "s3://media.example.org/x",
        "s3://bucketx/films/a", "https://bucket/films/a", "s3://a.cdn.example/x",
    ],
)  # fmt: skip
def test_what_is_near_it_is_not(address: str) -> None:
    assert not ALLOWED.admits(take_apart(address, SCHEMES))


PRIVATE = (
    "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
    "100.127.255.255",
    "::1", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1",
)  # fmt: skip
NEVER = (
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "192.0.0.170", "192.88.99.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "100.100.100.200", "::", "fe80::1", "fe80::1%eth0", "2001:db8::1%eth0", "fec0::1",
    "ff02::1", "2002:7f00:1::", "2002:808:808::1",
    "2001:0:53aa:64c::1", "64:ff9b:1::1", "fd00:ec2::254", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
    "::127.0.0.1", "::8.8.8.8",
    "64:ff9b::169.254.169.254", "2606:4700::5efe:a00:1", "2606:4700::200:5efe:808:808",
)  # fmt: skip


@pytest.mark.parametrize("address", [*PRIVATE, *NEVER])
def test_no_private_address_is_reached(address: str) -> None:
    assert why_not(address, private=False) is not None
    assert (why_not(address, private=True) is None) == (address in PRIVATE)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
)
def test_public_ones_are(address: str) -> None:
    assert why_not(address, private=False) is None
