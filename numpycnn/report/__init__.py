"""A look inside a network on one picture: a page of HTML, and the maps of what a class depends on."""

from numpycnn.report.attribution import *
from numpycnn.report.contents import *
from numpycnn.report.page import *
