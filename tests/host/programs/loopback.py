# SPDX-License-Identifier: Apache-2.0
"""A server and a client on loopback, a process each; the client asks, the server answers."""

import os
import socket

REQUESTS = 5


def exactly(connection: socket.socket, size: int) -> bytes:
    return connection.recv(size, socket.MSG_WAITALL)


def client(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        for number in range(REQUESTS):
            connection.sendall(b"request %d\n" % number)
            assert exactly(connection, 9) == b"answer %d\n" % number


def serve(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        for number in range(REQUESTS):
            assert exactly(connection, 10) == b"request %d\n" % number
            connection.sendall(b"answer %d\n" % number)


with socket.create_server(("127.0.0.1", 0)) as listener:
    child = os.fork()
    if child == 0:
        client(listener.getsockname())
        os._exit(0)
    serve(listener)
    assert os.waitpid(child, 0)[1] == 0
