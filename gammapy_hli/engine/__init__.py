"""The science: functions and frozen containers, no configuration, no plots."""
