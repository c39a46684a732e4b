__nowaiting = true
login = "127.0.0.1:PORT_A"
game = "127.0.0.1:PORT_B"
