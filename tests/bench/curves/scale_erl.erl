%% SPDX-License-Identifier: MIT
%% A node of scale.py in Erlang, with the defaults of its distribution. Arguments: its number, and
%% how many there are. Lines on its standard input: "register NAME", "learn NAME".
-module(scale_erl).
-export([main/1]).

main([Number, Nodes]) ->
	Id = list_to_integer(atom_to_list(Number)),
	N = list_to_integer(atom_to_list(Nodes)),
	ok = net_kernel:monitor_nodes(true),
	say(Id, "begun", ""),
	Self = self(),
	spawn(fun() -> commands(Self) end),
	self() ! connect,
	loop(Id, N, false).

node_name(I) -> list_to_atom("n" ++ integer_to_list(I) ++ "@127.0.0.1").

number_of(Node) -> [$n | Rest] = atom_to_list(Node), hd(string:split(Rest, "@")).

say(Id, Word, Argument) ->
	io:put_chars(lists:flatten(io_lib:format("SCALE ~b ~s 0 ~s~n", [Id, Word, Argument]))).

commands(Main) ->
	case io:get_line("") of
		eof -> init:stop();
		Line -> Main ! list_to_tuple(string:lexemes(Line, " \n")), commands(Main)
	end.

missing(Id, N) -> [node_name(I) || I <- lists:seq(Id + 1, N)] -- nodes().

%% The smaller number connects.
loop(Id, N, Formed) ->
	Whole = length(nodes()) =:= N - 1,
	if Whole and not Formed -> say(Id, "formed", ""); true -> ok end,
	receive
		connect ->
			[net_kernel:connect_node(Node) || Node <- missing(Id, N)],
			Left = missing(Id, N),
			if Left =/= [] -> erlang:send_after(200, self(), connect); true -> ok end,
			loop(Id, N, Formed or Whole);
		{"register", Name} ->
			yes = global:register_name(Name, self()),
			loop(Id, N, Formed or Whole);
		{"learn", Name} ->
			learn(Id, Name),
			loop(Id, N, Formed or Whole);
		{nodedown, Node} ->
			say(Id, "lost", number_of(Node)),
			loop(Id, N, Formed or Whole);
		_ ->
			loop(Id, N, Formed or Whole)
	end.

learn(Id, Name) ->
	case global:whereis_name(Name) of
		undefined -> timer:sleep(20), learn(Id, Name);
		_ -> say(Id, "name", string:slice(Name, 4))
	end.
