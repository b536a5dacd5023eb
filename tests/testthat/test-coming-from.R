# The tables of ?"coming-from": what stands in the right columns runs, and the main numbers are the
# published ones of pymer4's and statsmodels' documentation.

# For each section of the help page a list of rows, each the code of the left and the right column.
coming_from_tables <- function() {
  page <- tools::Rd_db("rlmm")[["coming-from.Rd"]]
  tag <- function(x) c(attr(x, "Rd_tag"), "")[1L]
  tagged <- function(x, which) Filter(function(part) tag(part) == which, x)
  plain <- function(x) trimws(paste(unlist(x), collapse = ""))
  sections <- tagged(page, "\\section")
  rows_of <- function(section) {
    parts <- tagged(section[[2L]], "\\tabular")[[1L]][[2L]]
    row <- cumsum(vapply(parts, tag, "") == "\\cr")
    rows <- lapply(split(seq_along(parts), row), function(k) {
      right <- cumsum(vapply(parts[k], tag, "") == "\\tab") > 0
      codes <- function(of) vapply(tagged(parts[k][of], "\\code"), plain, "")
      list(left = codes(!right), right = codes(right))
    })
    Filter(function(row) length(row$right) > 0L, rows)
  }
  names <- vapply(sections, function(section) plain(section[[1L]]), "")
  stats::setNames(lapply(sections, rows_of), names)
}

# What the codes of the tables refer to.
coming_from_scene <- function() {
  scene <- new.env(parent = globalenv())
  d <- with(sleepstudy, data.frame(y = Reaction, x = Days, g = Subject, k = factor(Days),
    h = factor(Days %% 2), v = 1 + Days %% 3))
  formula <- Reaction ~ Days + (Days | Subject)
  list2env(list(d = d, data = sleepstudy, formula = formula, y = d$y,
    fit = rlmm(formula, sleepstudy), L = c(Days = 1),
    a = rlmm(y ~ h + x + (1 | g), d), b = rlmm(y ~ h + x + (x | g), d)), scene)
  scene
}

# The values of all codes of a table, named by them.
run_table <- function(rows, scene) {
  codes <- unlist(lapply(rows, `[[`, "right"), use.names = FALSE)
  if (requireNamespace("lme4", quietly = TRUE)) {
    scene$m <- lme4::lmer(scene$formula, scene$data)
  } else codes <- setdiff(codes, c("as_rlmm(m)", "as_merMod(fit)"))
  for (package in c("car", "emmeans")) {
    if (!requireNamespace(package, quietly = TRUE)) {
      codes <- codes[!startsWith(codes, paste0(package, "::"))]
    }
  }
  values <- lapply(codes, function(code) {
    tryCatch(suppressMessages(eval(str2expression(code), scene)), error = function(e) {
      fail(paste0(code, ": ", conditionMessage(e)))
    })
  })
  stats::setNames(values, codes)
}

test_that("the page has all the software, and all that pymer4 keeps", {
  tables <- coming_from_tables()
  expect_equal(names(tables),
    c("lmerTest", "nlme", "glmmTMB", "MixedModels.jl", "statsmodels", "pymer4"))
  expect_gt(length(unlist(tables)), 150)
  left <- unlist(lapply(tables$pymer4, `[[`, "left"))
  expect_equal(setdiff(c(".params", ".ranef", ".ranef_var", ".fixef", ".result_fit",
    ".result_fit_stats", ".result_anova", "compare(a, b)", ".show_logs()",
    ".convergence_status"), left), character())
})

test_that("every right-hand side runs", {
  scene <- coming_from_scene()
  set.seed(1)
  for (table in coming_from_tables()[c("lmerTest", "nlme", "glmmTMB", "MixedModels.jl")]) {
    expect_gt(length(run_table(table, scene)), 6)
  }
})

test_that("pymer4: the numbers of its tutorial", {
  set.seed(1)
  values <- run_table(coming_from_tables()$pymer4, coming_from_scene())
  expect_equal(values[["result_tables(fit)$params"]]$estimate, c(251.405105, 10.467286),
    tolerance = 1e-7)
  expect_equal(unname(values[["fixef(fit)"]]), c(251.405105, 10.467286), tolerance = 1e-7)
  sds <- c(24.74045, 0.0655513, 5.922133, 25.59182)
  expect_equal(values[["result_tables(fit)$ranef_var"]]$estimate, sds, tolerance = 1e-6)
  expect_equal(values[["variance_parameters(fit)"]]$estimate, sds[c(1, 3, 2, 4)], tolerance = 1e-6)
  result <- values[["result_tables(fit)$result_fit"]]
  expect_equal(result$std_error, c(6.824556, 1.545789), tolerance = 1e-6)
  expect_equal(result$t_stat, c(36.838, 6.771), tolerance = 1e-4)
  # 17 to the three decimals that the tutorial prints: exact here, as the data are balanced
  expect_equal(result$df, c(17, 17), tolerance = 2.5e-5)
  expect_equal(unname(values[["coef(summary(fit))"]][, "t value"]), result$t_stat)
  stats <- values[["fit_statistics(fit)"]]
  expect_equal(c(stats$AIC, stats$AICc, stats$BIC, stats$REMLcrit, stats$logLik),
    c(1755.628272, 1756.113821, 1774.786013, 1743.628272, -871.814136), tolerance = 1e-9)
  expect_equal(c(stats$ICC, stats$R2_conditional, stats$R2_marginal, stats$RMSE, stats$sigma),
    c(0.721658, 0.79922, 0.278652, 23.438056, 25.591816), tolerance = 5e-6)
  expect_equal(values[["result_tables(fit)$result_anova"]]$F_ratio, 45.853, tolerance = 1e-5)
  expect_true(values[["result_tables(fit)$convergence_status"]]$converged)
  expect_equal(nrow(values[["result_tables(fit)$logs"]]), 0)
  fixef <- values[["coef(fit)"]]$Subject
  expect_equal(values[["result_tables(fit)$fixef"]]$Subject$Days, fixef$Days)
  expect_equal(fixef$Days, values[["ranef(fit)"]]$Subject$Days + 10.467286, tolerance = 1e-7)
})

test_that("pymer4: random intercepts, comparison and logs of its tutorial", {
  level <- rlmm(Reaction ~ Days + (1 | Subject), sleepstudy)
  fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
  tables <- result_tables(level)
  expect_equal(tables$fixef$Subject$`(Intercept)`[1:5],
    c(292.188815, 173.555551, 188.296537, 255.811547, 261.621294), tolerance = 1e-8)
  expect_equal(tables$ranef$Subject$`(Intercept)`[1:5],
    c(40.78371, -77.849554, -63.108567, 4.406442, 10.216189), tolerance = 1e-7)
  expect_equal(c(tables$result_fit$conf_low, tables$result_fit$conf_high),
    c(231.233, 8.879, 271.577, 12.055), tolerance = 1e-4)
  both <- suppressMessages(anova(level, fit))
  expect_equal(both$Chisq[2], 42.1393, tolerance = 1e-6)
  expect_equal(both$`Pr(>Chisq)`[2], 7.07e-10, tolerance = 1e-3)
  singular <- suppressMessages(rlmm(Reaction ~ Days + (Days | Subject) + (1 | Days), sleepstudy))
  expect_match(result_tables(singular)$logs$text, "singular")
})

test_that("statsmodels: the optima of the sleep data and its first example", {
  scene <- coming_from_scene()
  values <- run_table(coming_from_tables()$statsmodels, scene)
  level <- values[["rlmm(y ~ x + (1 | g), d)"]]
  expect_equal(REMLcrit(level), 1786.46508539, tolerance = 1e-9)
  expect_equal(REMLcrit(values[["rlmm(y ~ x + (x | g), d)"]]), 1743.62827196, tolerance = 1e-9)
  expect_equal(deviance(values[["rlmm(formula, data, REML = FALSE)"]]), 1751.93934446,
    tolerance = 1e-9)
  expect_equal(values[["sigma(fit)^2"]], 25.59182^2, tolerance = 1e-6)
  expect_equal(c(values[["logLik(fit)"]]), -871.814136, tolerance = 1e-9)
  expect_true(values[["optinfo(fit)$certificate$certified"]])
  sizes <- values[["group_sizes(fit)"]]
  expect_equal(c(sizes$levels, sizes$min, sizes$max), c(18, 10, 10))
  expect_equal(unname(values[["confint(fit, \"beta_\", method = \"Wald\")"]][, 1]),
    c(238.02914, 7.437594), tolerance = 1e-6)

  pigs <- rlmm(Weight ~ Time + (1 | Pig), dietox)
  expect_equal(c(logLik(pigs)), -2404.7753, tolerance = 1e-7)
  expect_equal(c(sigma(pigs)^2, VarCorr(pigs)$Pig), c(11.3669, 40.394), tolerance = 1e-5)
  expect_equal(unname(coef(summary(pigs))[, "t value"]), c(19.952, 207.939), tolerance = 1e-5)
})
