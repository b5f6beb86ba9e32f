"""The network: units on a sheet, how they are connected, and how their state goes through time."""
