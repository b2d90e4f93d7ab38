"""A reserved port is nobody else's, and refuses while nothing listens."""

import socket

import pytest

from gpuwright_sandbox.gateway.door import LOOPBACK, PortReservation, answers, bound_socket


def test_a_reserved_port_refuses_until_somebody_listens() -> None:
    with PortReservation() as reservation:
        assert not answers(reservation.port)
        with bound_socket(reservation.port) as listening:
            listening.listen()
            assert answers(reservation.port)
        assert not answers(reservation.port)


def test_a_reserved_port_cannot_be_taken_by_others() -> None:
    with PortReservation() as reservation, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((LOOPBACK, reservation.port))


def test_a_chosen_port_can_be_reserved_again_once_it_was_given_back() -> None:
    with PortReservation() as first:
        port = first.port
    with PortReservation(port) as second:
        assert second.port == port


def test_a_port_that_somebody_else_has_cannot_be_reserved() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        with pytest.raises(OSError, match="in use"):
            PortReservation(other.getsockname()[1])
