# The tests run in the package's namespace, where a method is found without being registered.
test_that("methods for other packages' generics are registered", {
  skip_if_not(installed(), "rlmm is not installed")
  lines <- readLines(file.path(find.package("rlmm"), "NAMESPACE"))
  declared <- regmatches(lines, regexec("^S3method\\(([A-Za-z0-9.]+)::([^,]+), *([A-Za-z_]+)\\)",
    lines))
  declared <- Filter(length, declared)
  expect_gt(length(declared), 50)
  for (method in declared) {
    package <- method[2]
    if (!requireNamespace(package, quietly = TRUE)) next
    generic <- get0(method[3], asNamespace(package), mode = "function")
    expect_false(is.null(generic), label = method[1])
    home <- environment(generic)
    if (is.null(generic) || is.null(home)) next
    table <- get0(".__S3MethodsTable__.", topenv(home), inherits = FALSE)
    expect_true(exists(paste0(method[3], ".", method[4]), table, inherits = FALSE),
      label = method[1])
  }
})

test_that("methods of S4 generics are set, outside the user's environment", {
  skip_if_not_installed("arm")
  loadNamespace("arm")
  expect_true(methods::existsMethod(methods::getGeneric("sim", where = asNamespace("arm")), "rlmm"))
  expect_false(any(grepl("^[.]__[CT]__", ls(globalenv(), all.names = TRUE))))
})
