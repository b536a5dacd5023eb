# Methods for generic functions of the kind S4, which packages that are only suggested define. They
# are set when such a package is loaded, in an environment of ours: neither that of the user, nor
# that of a package that is sealed by then.

s4_methods <- function() list(arm = arm_methods, texreg = texreg_methods)

set_s4_methods_on_load <- function() {
  for (package in names(s4_methods())) local({
    name <- package
    on_load_of(name, function() set_s4_methods(name))
  })
}

# Does something now if a package is loaded, and whenever it will be.
on_load_of <- function(package, action) {
  if (isNamespaceLoaded(package)) action()
  setHook(packageEvent(package, "onLoad"), function(...) action())
}

set_s4_methods <- function(package) {
  if (is.null(session$s4)) {
    session$s4 <- new.env()
    methods::setOldClass("rlmm", where = session$s4)
  }
  own <- s4_methods()[[package]]
  for (name in names(own)) {
    generic <- methods::getGeneric(name, where = asNamespace(package))
    if (!is.null(generic)) methods::setMethod(generic, "rlmm", own[[name]], where = session$s4)
  }
}
